"""Six tasks side by side, two groups of sums and a total: its answer is known in advance."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def square(number: int, seconds: float) -> int:
    import time

    time.sleep(seconds)
    print(f"{number} squared is {number * number}")
    return number * number


@dsl.component(base_image="python:3.11")
def add(a: int, b: int, c: int) -> int:
    return a + b + c


@dsl.pipeline(name="group")
def group(start: int, seconds: float) -> int:
    following = add(a=start, b=1, c=0)
    last = add(a=start, b=2, c=0)
    a = square(number=start, seconds=seconds)
    b = square(number=following.output, seconds=seconds)
    c = square(number=last.output, seconds=seconds)
    return add(a=a.output, b=b.output, c=c.output).output


@dsl.pipeline(name="sum-of-squares")
def sum_of_squares(start: int = 1, seconds: float = 0.0) -> int:
    left = group(start=start, seconds=seconds)
    right = group(start=start, seconds=seconds)
    return add(a=left.output, b=right.output, c=0).output
