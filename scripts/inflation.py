"""What copies of test images in training, and a choice of the epoch on the test part, add to a run.

    python scripts/inflation.py RUN [...]

Prints a Markdown table about the test part of each run:

    images        in it
    with copies   of these, another photograph or a copy of the same eye or lesion was trained on
    accuracy      of those, and of the others
    macro F1      of the whole part, and of it without the images that have copies
    last epoch    macro F1 of the whole part after the last epoch, where the tested epoch was chosen
                  on the test part; what the whole part has above it is the choice's gain
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

import numpy as np
from sklearn.metrics import f1_score

from aduni.cli.app import run_command
from aduni.results.finished_runs import Run, read_run
from aduni.results.run_folder import RunFolder

COLUMNS = ("images", "with copies", "accuracy: with", "without", "macro F1", "without copies")


def main() -> None:
    """Print the table of the runs that the command line names."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="+", help="folder of a finished run")
    arguments = parser.parse_args()
    print(f"| run | {' | '.join(COLUMNS)} | last epoch |")
    print(f"|---|{'---:|' * (len(COLUMNS) + 1)}")
    for path in arguments.run:
        figures = inflation(read_run(RunFolder(path)))
        words = ("-" if figure is None else f"{figure:.4g}" for figure in figures)
        print(f"| {path.resolve().name} | {' | '.join(words)} |", flush=True)


def inflation(run: Run) -> tuple[float | None, ...]:
    """The table's line of a run; None where there is nothing to take a figure of."""
    images, labels, probabilities = run.test_predictions()
    predicted, classes = probabilities.argmax(axis=1), len(run.class_names)
    split = run.split.set_index("image")
    trained_on = split.loc[split["part"] == "train", "group"].unique()
    copied = np.isin(split.loc[images, "group"], trained_on)
    right = predicted == labels
    return (
        len(images),
        int(copied.sum()),
        float(right[copied].mean()) if copied.any() else None,
        float(right[~copied].mean()) if not copied.all() else None,
        _macro_f1(labels, predicted, classes),
        _macro_f1(labels[~copied], predicted[~copied], classes) if not copied.all() else None,
        _last_epoch(run),
    )


def _macro_f1(labels: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    options = {"labels": range(classes), "average": "macro", "zero_division": 0}
    return float(f1_score(labels, predicted, **options))


def _last_epoch(run: Run) -> float | None:
    """None where the tested epoch was not chosen on the test part."""
    column = "validation_macro_f1"
    if run.metrics["validation"] is not None or column not in run.history:
        return None
    return float(run.history[column].dropna().iloc[-1])


if __name__ == "__main__":
    run_command(main)
