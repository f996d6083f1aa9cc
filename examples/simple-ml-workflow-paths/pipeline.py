"""The same four tasks as a beginner's first pipeline: files are handed on by their paths.

Every component takes and returns plain strings that name files under /tmp. That works wherever all
tasks see one file system, a laptop for instance, and nowhere else: simple-ml-workflow shows how
artifacts do the same on any number of machines.
"""

from kfp import dsl

IMAGE = "python:3.9-slim-buster"
PACKAGES = ["scikit-learn>=1.6,<2"]


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def load_data(folder: str) -> str:
    import os
    import pickle

    from sklearn.datasets import load_iris

    os.makedirs(folder, exist_ok=True)
    iris = load_iris()
    path = os.path.join(folder, "iris.pickle")
    with open(path, "wb") as file:
        pickle.dump((iris.data, iris.target), file)
    print(f"wrote {path}")
    return path


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def preprocess_data(data_path: str) -> str:
    import os
    import pickle

    from sklearn.model_selection import train_test_split

    with open(data_path, "rb") as file:
        features, labels = pickle.load(file)
    parts = train_test_split(features, labels, test_size=0.2, random_state=42, stratify=labels)
    path = os.path.join(os.path.dirname(data_path), "split.pickle")
    with open(path, "wb") as file:
        pickle.dump(parts, file)
    print(f"wrote {path}")
    return path


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def train_model(split_path: str, trees: int) -> str:
    import os
    import pickle

    from sklearn.ensemble import RandomForestClassifier

    with open(split_path, "rb") as file:
        x_train, _, y_train, _ = pickle.load(file)
    model = RandomForestClassifier(n_estimators=trees, random_state=42).fit(x_train, y_train)
    path = os.path.join(os.path.dirname(split_path), "model.pickle")
    with open(path, "wb") as file:
        pickle.dump(model, file)
    print(f"wrote {path}")
    return path


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def evaluate_model(model_path: str, split_path: str) -> float:
    import pickle

    with open(model_path, "rb") as file:
        model = pickle.load(file)
    with open(split_path, "rb") as file:
        _, x_test, _, y_test = pickle.load(file)
    accuracy = float(model.score(x_test, y_test))
    print(f"accuracy {accuracy:.3f}")
    return accuracy


@dsl.pipeline(name="simple-ml-workflow-paths")
def simple_ml_workflow_paths(folder: str = "/tmp/simple-ml-workflow", trees: int = 25) -> float:
    data = load_data(folder=folder)
    split = preprocess_data(data_path=data.output)
    model = train_model(split_path=split.output, trees=trees)
    return evaluate_model(model_path=model.output, split_path=split.output).output
