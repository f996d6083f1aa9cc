"""Every way in which a value or an artifact can reach a task, as the compiler writes it."""

from typing import List, NamedTuple, Optional

from kfp import dsl

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def measure(
    count: int,
    rate: float = 2.0,
    deep: bool = True,
    items: List[int] = [1, 2],
    options: dict = {"a": 1},
    note: Optional[str] = None,
) -> NamedTuple("Measured", [("total", int), ("label", str)]):
    return (count, f"{rate} {deep} {items} {options} {note}")


@dsl.component(base_image=IMAGE)
def produce(table: dsl.Output[dsl.Dataset], rows: int) -> str:
    table.metadata["rows"] = rows
    with open(table.path, "w") as file:
        file.write("x\n" * rows)
    return "produced"


@dsl.component(base_image=IMAGE)
def consume(
    table: dsl.Input[dsl.Dataset],
    model: Optional[dsl.Input[dsl.Model]] = None,
    mode: str = "fast",
):
    print(table.path, mode)


@dsl.container_component
def describe(
    text: str,
    note: dsl.OutputPath(str),
    copy: dsl.Output[dsl.Artifact],
    extra: Optional[str] = None,
):
    return dsl.ContainerSpec(
        image="alpine",
        command=["sh", "-c", 'mkdir -p "$(dirname "$1")"; echo "$0" > "$1"'],
        args=[
            dsl.ConcatPlaceholder(["text=", text]),
            note,
            copy.path,
            copy.uri,
            dsl.IfPresentPlaceholder(
                input_name="extra",
                then=["--extra", extra, dsl.ConcatPlaceholder(["again=", extra])],
                else_=["--no-extra"],
            ),
        ],
    )


@dsl.pipeline
def inner(rows: int, mode: str = "slow", note: Optional[str] = None) -> str:
    produced = produce(rows=rows)
    consume(table=produced.outputs["table"], mode=mode)
    return produced.outputs["Output"]


@dsl.pipeline(name="values", display_name="Every value", description="Values of every kind.")
def values(count: int = 3, rate: float = 1.5, name: str = "x") -> str:
    measured = measure(
        count=count,
        rate=rate,
        items=[1, 2, 3],
        note=f"before-{name}-{dsl.PIPELINE_JOB_NAME_PLACEHOLDER}",
    )
    measured.set_cpu_request("500m").set_memory_limit("1Gi").set_env_variable("COLOUR", "blue")
    nested = inner(rows=measured.outputs["total"])
    first = describe(text=nested.output).after(measured)
    describe(text=dsl.PIPELINE_JOB_ID_PLACEHOLDER, extra=measured.outputs["label"]).after(first)
    return nested.output
