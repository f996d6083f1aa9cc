"""One small pipeline for each feature of KFP that is refused by name."""

from typing import List

from kfp import dsl, kubernetes

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def say(text: str = "") -> str:
    return text


@dsl.component(base_image=IMAGE)
def join(texts: List[str]) -> str:
    return ",".join(texts)


@dsl.component(base_image=IMAGE)
def report(status: dsl.PipelineTaskFinalStatus):
    print(status)


@dsl.pipeline
def conditions():
    first = say(text="a")
    with dsl.If(first.output == "a"):
        say(text="b")


@dsl.pipeline
def one_of() -> str:
    first = say(text="a")
    with dsl.If(first.output == "a"):
        yes = say(text="yes")
    with dsl.Else():
        no = say(text="no")
    return dsl.OneOf(yes.output, no.output)


@dsl.pipeline
def loops():
    with dsl.ParallelFor(["a", "b"]) as item:
        said = say(text=item)
    join(texts=dsl.Collected(said.output))


@dsl.pipeline
def exit_handler():
    last = report()
    with dsl.ExitHandler(last):
        say(text="a")


@dsl.pipeline
def ignore_failure():
    first = say(text="a")
    say(text=first.output).ignore_upstream_failure()


@dsl.pipeline
def retries():
    say(text="a").set_retry(num_retries=2)


@dsl.pipeline
def importer():
    dsl.importer(artifact_uri="s3://bucket/a", artifact_class=dsl.Dataset)


@dsl.pipeline
def secrets():
    task = say(text="a")
    kubernetes.use_secret_as_env(task, secret_name="login", secret_key_to_env={"user": "USER"})


@dsl.pipeline
def volumes():
    claim = kubernetes.CreatePVC(
        pvc_name="data", access_modes=["ReadWriteOnce"], size="1Gi", storage_class_name="fast"
    )
    kubernetes.mount_pvc(say(text="a"), pvc_name=claim.outputs["name"], mount_path="/data")


@dsl.pipeline
def time_limits():
    kubernetes.set_timeout(say(text="a"), seconds=10)


@dsl.pipeline(
    pipeline_config=dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi")),
)
def workspaces():
    say(text=dsl.WORKSPACE_PATH_PLACEHOLDER)


@dsl.pipeline
def node_selectors():
    """Not refused: where a pod runs means nothing without pods, so it gives a warning."""
    kubernetes.add_node_selector(say(text="a"), label_key="disk", label_value="ssd")
