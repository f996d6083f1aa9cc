"""Prints a line every fifth of a second, for as long as it is told."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def count(seconds: float, marker: str) -> int:
    import os
    import time

    lines = max(int(seconds * 5), 1)
    print(f"pid {os.getpid()} {marker}", flush=True)
    for line in range(lines):
        print(f"line {line}", flush=True)
        time.sleep(0.2)
    return lines


@dsl.component(base_image="python:3.11")
def double(number: int) -> int:
    return number * 2


@dsl.pipeline(name="slow")
def slow(seconds: float = 5.0, marker: str = "") -> int:
    counted = count(seconds=seconds, marker=marker)
    return double(number=counted.output).output
