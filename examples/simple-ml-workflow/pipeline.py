"""A first machine learning pipeline: load, preprocess, train, evaluate.

Four lightweight Python components on the iris data that ships inside scikit-learn. `compile.sh`
turns this file into pipeline.yaml with the KFP compiler.
"""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import ClassificationMetrics, Dataset, Input, Metrics, Model, Output

# One list for all components, so that they share one environment.
PACKAGES = ["scikit-learn==1.7.2"]
IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def load(
    flowers: Output[Dataset],
) -> NamedTuple("Loaded", [("rows", int), ("columns", int), ("species", list)]):
    """Writes the iris measurements as CSV, one flower a line."""
    import csv

    from sklearn.datasets import load_iris

    iris = load_iris()
    with open(flowers.path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*iris.feature_names, "species"])
        for measured, label in zip(iris.data.tolist(), iris.target.tolist()):
            writer.writerow([*measured, label])
    flowers.metadata["format"] = "csv"
    flowers.metadata["rows"] = len(iris.target)
    species = [str(name) for name in iris.target_names]
    print(f"wrote {len(iris.target)} flowers of {', '.join(species)}")
    Loaded = NamedTuple("Loaded", [("rows", int), ("columns", int), ("species", list)])
    return Loaded(len(iris.target), len(iris.feature_names), species)


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def preprocess(
    flowers: Input[Dataset],
    test_share: float,
    seed: int,
    train_set: Output[Dataset],
    test_set: Output[Dataset],
) -> NamedTuple("Split", [("train_rows", int), ("test_rows", int)]):
    """Splits with equal shares of each species and scales by what the training part shows."""
    import json

    import numpy
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    table = numpy.loadtxt(flowers.path, delimiter=",", skiprows=1)
    features, labels = table[:, :-1], table[:, -1].astype(int)
    x_train, x_test, y_train, y_test = train_test_split(
        features, labels, test_size=test_share, random_state=seed, stratify=labels
    )
    scaler = StandardScaler().fit(x_train)
    for artifact, x, y in ((train_set, x_train, y_train), (test_set, x_test, y_test)):
        with open(artifact.path, "w") as file:
            json.dump({"features": scaler.transform(x).tolist(), "labels": y.tolist()}, file)
        artifact.metadata["rows"] = len(y)
    print(f"{len(y_train)} flowers to learn from, {len(y_test)} to test with")
    Split = NamedTuple("Split", [("train_rows", int), ("test_rows", int)])
    return Split(len(y_train), len(y_test))


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def train(
    train_set: Input[Dataset],
    inverse_regularization: float,
    iterations_max: int,
    model: Output[Model],
) -> NamedTuple("Trained", [("train_accuracy", float), ("iterations", int)]):
    """Fits a logistic regression and keeps it as a pickle."""
    import json
    import pickle

    from sklearn.linear_model import LogisticRegression

    with open(train_set.path) as file:
        table = json.load(file)
    classifier = LogisticRegression(C=inverse_regularization, max_iter=iterations_max)
    classifier.fit(table["features"], table["labels"])
    with open(model.path, "wb") as file:
        pickle.dump(classifier, file)
    model.framework = "scikit-learn"
    model.metadata["inverse_regularization"] = inverse_regularization
    iterations = int(max(classifier.n_iter_))
    accuracy = float(classifier.score(table["features"], table["labels"]))
    print(f"converged after {iterations} iterations, {accuracy:.3f} on what it has seen")
    Trained = NamedTuple("Trained", [("train_accuracy", float), ("iterations", int)])
    return Trained(accuracy, iterations)


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def evaluate(
    model: Input[Model],
    test_set: Input[Dataset],
    species: list,
    accuracy_min: float,
    metrics: Output[Metrics],
    confusion: Output[ClassificationMetrics],
) -> NamedTuple("Evaluated", [("accuracy", float), ("verdict", str)]):
    """Measures the model on flowers that it has not seen."""
    import json
    import pickle

    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

    with open(model.path, "rb") as file:
        classifier = pickle.load(file)
    with open(test_set.path) as file:
        table = json.load(file)
    predicted = classifier.predict(table["features"])
    accuracy = float(accuracy_score(table["labels"], predicted))
    metrics.log_metric("accuracy", accuracy)
    metrics.log_metric("f1_macro", float(f1_score(table["labels"], predicted, average="macro")))
    confusion.log_confusion_matrix(species, confusion_matrix(table["labels"], predicted).tolist())
    verdict = "good enough" if accuracy >= accuracy_min else "not good enough"
    print(f"accuracy {accuracy:.3f}: {verdict}")
    Evaluated = NamedTuple("Evaluated", [("accuracy", float), ("verdict", str)])
    return Evaluated(accuracy, verdict)


@dsl.pipeline(name="simple-ml-workflow", description="Iris: load, preprocess, train, evaluate.")
def simple_ml_workflow(
    test_share: float = 0.25,
    seed: int = 7,
    inverse_regularization: float = 1.0,
    iterations_max: int = 200,
    accuracy_min: float = 0.9,
) -> NamedTuple("Result", [("accuracy", float), ("verdict", str)]):
    loaded = load()
    split = preprocess(flowers=loaded.outputs["flowers"], test_share=test_share, seed=seed)
    trained = train(
        train_set=split.outputs["train_set"],
        inverse_regularization=inverse_regularization,
        iterations_max=iterations_max,
    )
    evaluated = evaluate(
        model=trained.outputs["model"],
        test_set=split.outputs["test_set"],
        species=loaded.outputs["species"],
        accuracy_min=accuracy_min,
    )
    Result = NamedTuple("Result", [("accuracy", float), ("verdict", str)])
    return Result(evaluated.outputs["accuracy"], evaluated.outputs["verdict"])
