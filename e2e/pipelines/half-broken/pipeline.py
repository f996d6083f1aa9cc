"""One branch fails, the other finishes all the same; what depends on the failure is left out."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def broken(code: int) -> str:
    import sys

    print("about to give up", file=sys.stderr)
    sys.exit(code)


@dsl.component(base_image="python:3.11")
def fine() -> str:
    return "finished"


@dsl.component(base_image="python:3.11")
def after_both(left: str, right: str):
    print(left, right)


@dsl.pipeline(name="half-broken")
def half_broken(code: int = 3):
    after_both(left=broken(code=code).output, right=fine().output)
