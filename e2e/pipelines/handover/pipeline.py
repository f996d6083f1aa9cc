"""A task hands the path of its artifact on as a plain string; a later task reads that file."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Dataset, Output


@dsl.component(base_image="python:3.11")
def write(
    out: Output[Dataset],
) -> NamedTuple("Written", [("path", str), ("uri", str)]):
    with open(out.path, "w") as file:
        file.write("still here")
    Written = NamedTuple("Written", [("path", str), ("uri", str)])
    return Written(out.path, out.uri)


@dsl.component(base_image="python:3.11")
def read(path: str) -> NamedTuple("Read", [("text", str), ("writable", bool)]):
    import os

    with open(path) as file:
        text = file.read()
    # Root may write anywhere: the mode is what says that nobody should.
    writable = bool(os.stat(path).st_mode & 0o222)
    Read = NamedTuple("Read", [("text", str), ("writable", bool)])
    return Read(text, writable)


@dsl.pipeline(name="handover")
def handover() -> NamedTuple("Result", [("text", str), ("writable", bool), ("uri", str)]):
    written = write()
    found = read(path=written.outputs["path"])
    Result = NamedTuple("Result", [("text", str), ("writable", bool), ("uri", str)])
    return Result(found.outputs["text"], found.outputs["writable"], written.outputs["uri"])
