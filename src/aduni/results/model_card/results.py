"""Describe the test part in a card: one line, all metrics, each class, the calibration."""

from aduni.metrics.names import METRICS
from aduni.results.model_card.markdown import escaped, table, with_ends
from aduni.results.model_card.run_data import Content

MAX_CONFUSION_CLASSES = 30


def headline(content: Content) -> str:
    """Return the result in one sentence: macro F1, and the class that is recognised least."""
    test, support = content.metrics["test"], content.metrics["test"]["support"]
    f1 = with_ends(test["macro_f1"], content.intervals.metrics["macro_f1"], digits=2)
    tested = sum(count > 0 for count in support.values())
    classes = str(tested) if tested == len(support) else f"{tested} of {len(support)}"
    images = sum(support.values())
    sentence = (
        f"**Macro F1 {f1} on {images} test images of {classes} classes; lowest recall "
        f"{_lowest_recall(content)}.**"
    )
    if content.metrics["selected_on"] == "test":
        return f"{sentence} Too good: the epoch was selected on these images."
    return sentence


def _lowest_recall(content: Content) -> str:
    test = content.metrics["test"]
    recalls = {
        name: value for name, value in test["per_class_recall"].items() if test["support"][name]
    }
    lowest = min(recalls.values())
    names = [name for name, value in recalls.items() if value == lowest]
    if len(names) > 1:
        return f"{lowest:.2f}, of {len(names)} classes"
    (name,) = names
    return f"{lowest:.2f}, of class {escaped(name)} ({test['support'][name]} images)"


def bootstrap_note(content: Content) -> str:
    """Return what the brackets behind a number are."""
    drawn = "groups of images that belong together" if content.has_groups else "test images"
    return f"In brackets the 95 % interval of a bootstrap over {drawn} (percentiles)."


def metrics_table(content: Content) -> str:
    """Return all metrics of the whole, with intervals."""
    test, ends = content.metrics["test"], content.intervals.metrics
    rows = [[METRICS[key].title, with_ends(test[key], ends[key])] for key in ends]
    return table(["metric", "test"], rows)


def classes_table(content: Content) -> str:
    """Return images, F1 and recall of each class."""
    test, ends = content.metrics["test"], content.intervals
    rows = []
    for number, name in enumerate(content.class_names):
        trained = content.metrics["training_counts"][name]
        f1 = with_ends(test["per_class_f1"][name], ends.f1[number])
        recall = with_ends(test["per_class_recall"][name], ends.recall[number])
        rows.append([escaped(name), str(trained), str(test["support"][name]), f1, recall])
    return table(["class", "trained on", "tested on", "F1", "recall"], rows)


def confusion(content: Content) -> str:
    """Return the confusion matrix, if it is not too large to be read."""
    names = [escaped(name) for name in content.class_names]
    if len(names) > MAX_CONFUSION_CLASSES:
        return f"Of {len(names)} classes: in metrics.json."
    matrix = content.metrics["test"]["confusion_matrix"]
    rows = [[name, *map(str, row)] for name, row in zip(names, matrix, strict=True)]
    return f"Rows: true classes; columns: predicted ones.\n\n{table(['', *names], rows)}"


def calibration(content: Content) -> str:
    """Return the calibration error before and after temperature scaling."""
    before = content.metrics["test"]["expected_calibration_error"]
    after, temperature = content.calibrated_error, content.metrics["temperature"]
    if after is None:
        return f"Not calibrated, as there is no validation part. Calibration error {before:.3f}."
    return (
        f"Temperature {temperature:.3f}, fitted on the validation part and stored in the "
        f"checkpoint. Expected calibration error of the test part (15 bins): {before:.3f} before, "
        f"{after:.3f} after. The figures above are of the probabilities before."
    )
