"""Leaves its session, forks twice and stays: what a mesh must get rid of all the same."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def escape(marker: str, seconds: float):
    import os
    import sys
    import time

    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            # The marker in the command line is how the test finds this process.
            os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", marker])
        os._exit(0)
    print("escaped", flush=True)
    time.sleep(seconds)


@dsl.pipeline(name="runaway")
def runaway(marker: str, seconds: float = 60.0):
    escape(marker=marker, seconds=seconds)
