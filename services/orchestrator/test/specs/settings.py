"""Settings of a task that come from values, and artifacts in the styles that values.py leaves out."""

from typing import Dict, List

from kfp import dsl

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def size() -> str:
    return "2Gi"


@dsl.component(base_image=IMAGE)
def collect(mode: str = "a") -> dsl.Dataset:
    return dsl.Dataset(uri=dsl.get_uri(), metadata={"mode": mode})


@dsl.component(base_image=IMAGE, packages_to_install=["tabulate==0.9.0"])
def evaluate(
    data: dsl.Input[dsl.Dataset],
    path: dsl.InputPath("Dataset"),
    counts: dsl.OutputPath(dict),
    metrics: dsl.Output[dsl.Metrics],
    classes: dsl.Output[dsl.ClassificationMetrics],
    slices: dsl.Output[dsl.SlicedClassificationMetrics],
    page: dsl.Output[dsl.HTML],
    notes: dsl.Output[dsl.Markdown],
) -> Dict[str, int]:
    return {}


@dsl.component(base_image=IMAGE, target_image="registry.example/check:1")
def check(rows: List[Dict[str, int]]) -> bool:
    return True


@dsl.container_component
def show(data: dsl.Input[dsl.Dataset], times: int = 3):
    return dsl.ContainerSpec(
        image="alpine",
        command=["echo"],
        args=[
            data.uri,
            data.path,
            data.metadata["mode"],
            data.metadata,
            "--times",
            times,
            dsl.IfPresentPlaceholder(
                input_name="data", then=[dsl.ConcatPlaceholder(["--data=", data.path])]
            ),
        ],
    )


@dsl.pipeline(name="settings")
def settings(cpu: str = "1500m", image: str = "python:3.12"):
    memory = size()
    collected = collect(mode="b")
    evaluate(data=collected.output, path=collected.output)
    checked = check(rows=[{"a": 1}])
    checked.set_container_image(image).set_cpu_limit(cpu).set_memory_request(memory.output)
    checked.set_display_name("Überprüfung").set_caching_options(False)
    show(data=collected.output).after(checked)
