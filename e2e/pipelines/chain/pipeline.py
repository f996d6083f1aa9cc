"""Three tasks in a row with a slow middle; the last reads the artifact of the first."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Output


@dsl.component(base_image="python:3.11")
def begin(words: list, text: Output[Dataset]) -> int:
    with open(text.path, "w") as file:
        file.write("\n".join(words))
    text.metadata["lines"] = len(words)
    print(f"wrote {len(words)} lines")
    return len(words)


@dsl.component(base_image="python:3.11")
def pause(lines: int, seconds: float) -> int:
    import time

    for tenth in range(int(seconds * 10)):
        if tenth % 10 == 0:
            print(f"second {tenth // 10}", flush=True)
        time.sleep(0.1)
    return lines * 10


@dsl.component(base_image="python:3.11")
def finish(number: int, text: Input[Dataset], score: Output[Metrics]) -> str:
    with open(text.path) as file:
        words = file.read().split("\n")
    score.log_metric("words", len(words))
    print(f"{len(words)} words")
    return f"{' '.join(words)} {number}"


@dsl.pipeline(name="chain")
def chain(words: list = ["ebb", "flow"], seconds: float = 0.0) -> str:
    begun = begin(words=words)
    paused = pause(lines=begun.outputs["Output"], seconds=seconds)
    return finish(number=paused.output, text=begun.outputs["text"]).outputs["Output"]
