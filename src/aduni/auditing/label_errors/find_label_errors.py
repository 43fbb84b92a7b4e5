"""Write the list and the page of images whose label may be wrong."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from aduni.auditing.label_errors.label_error_settings import LabelErrorSettings
from aduni.auditing.label_errors.label_errors_page import Page, card_groups, render
from aduni.auditing.label_errors.out_of_fold import OutOfFold, read_out_of_fold
from aduni.auditing.label_errors.pictures import DataPictures, FolderPictures, Pictures
from aduni.auditing.label_errors.suspects import COLUMNS, CONFLICT, suspects
from aduni.config.stored_data import build_stored_data
from aduni.data.names import escape
from aduni.errors import UserError
from aduni.results.finished_runs import Problem, read_runs
from aduni.results.given_predictions.runs import read_prediction_tables
from aduni.results.given_predictions.table import table_files
from aduni.system.atomic_files import readable, write_csv, write_text
from aduni.system.atomic_folder import INDEX, atomic_folder
from aduni.system.csv_escape import read_saved
from aduni.system.output_folder import check_output

FILE = "label_errors.csv"
TEXTS = tuple(name for name in COLUMNS if not name.startswith("p_"))


def find_label_errors(settings: LabelErrorSettings) -> tuple[str, Path]:
    """Write label_errors.csv and index.html, and return the answer and the page.

    Raises:
        UserError: if the runs or tables cannot be used together, or corrections would be lost.
    """
    predictions, problems, output = _read(settings)
    check_output(output, "aduni label_errors")
    _refuse_corrections(output / FILE)
    pictures, copies, missing = _pictures(settings, predictions)
    listed = suspects(predictions, copies)
    groups, faults = card_groups(listed, pictures, settings.limit)
    answer = answer_of(listed, len(predictions.given))
    page = Page(
        dataset=predictions.runs[0].dataset,
        answer=answer,
        facts=list(_facts(predictions)),
        warnings=[*missing, *faults, *_warnings(predictions, problems)],
        groups=groups,
        file=FILE,
    )
    with atomic_folder(output) as folder:
        write_csv(listed, folder / FILE)
        write_text(render(page), folder / INDEX)
    return answer, output / INDEX


def answer_of(listed: pd.DataFrame, count: int) -> str:
    """Return the sentence that the page opens with, on the images listed of so many."""
    if not len(listed):
        return f"None of {count:,} images stands out as wrongly labelled."
    conflicts = int((listed["reason"] == CONFLICT).sum())
    likely, kinds = len(listed) - conflicts, []
    if conflicts:
        kinds.append(f"{conflicts:,} are copies of a picture that has several labels")
    if likely:
        kinds.append(
            f"{likely:,} {'is a likely error' if likely == 1 else 'are likely errors'}, where "
            "models that were not trained on the image are confident of another class"
        )
    return f"{len(listed):,} of {count:,} images may have a wrong label: {', and '.join(kinds)}."


def _read(settings: LabelErrorSettings) -> tuple[OutOfFold, list[Problem], Path]:
    """Read the predictions, and return them with the runs left out and the folder to write to."""
    if settings.runs is not None:
        root, source = Path(settings.runs), f"runs={settings.runs}"
        found, problems = read_runs(root)
        runs = [
            run for run in found if run.trained_on is None
        ]  # tests of another source are no folds
        if not runs and problems:
            raise UserError(f"{source} holds no sound run; the first: {problems[0].reason}")
        predictions = read_out_of_fold(runs, settings.row, source)
        return predictions, problems, settings.folder(root)
    files = table_files(settings.predictions or ())
    root = files[0].parent
    given = read_prediction_tables(files, root.resolve().name)
    predictions = read_out_of_fold(given.runs, settings.row, f"predictions={files[0]}")
    return predictions, [], settings.folder(root)


def _pictures(
    settings: LabelErrorSettings, predictions: OutOfFold
) -> tuple[Pictures | None, list[list[str]], list[str]]:
    """Return the pictures, the sets of copies among them, and what is missing without them."""
    if settings.runs is None and settings.images is None:
        sentence = "There are no pictures, and copies were not compared: give images=DIR for both."
        return None, [], [sentence]
    try:
        pictures: Pictures
        if settings.images is not None:
            pictures = FolderPictures(Path(settings.images), list(predictions.given))
        else:
            run, place = predictions.runs[0], settings.dataset
            data = build_stored_data(run.config, run.folder.config, place.root, place.cache_dir)
            pictures = DataPictures(data)
        return pictures, pictures.copies(), []
    except UserError as error:
        sentence = f"There are no pictures, and copies were not compared: {error}"
        return None, [], [sentence]


def _refuse_corrections(file: Path) -> None:
    """Raise UserError if a former list holds corrections, which a new one would replace."""
    if not file.exists():
        return
    remedy = "move it, or give another output"
    with readable(file, remedy):
        former = read_saved(file, TEXTS)
    if "corrected" not in former:  # saved with semicolons, for example
        raise UserError(f"{file} has no column corrected, and may hold corrections; {remedy}.")
    count = int((former["corrected"].str.strip() != "").sum())
    if count:
        raise UserError(f"{file} holds {count} corrections; {remedy}.")


def _facts(predictions: OutOfFold) -> Iterator[tuple[str, str]]:
    runs = predictions.runs
    folds, seeds = (sorted({getattr(run, key) for run in runs}) for key in ("fold", "seed"))
    yield "Predictions of", predictions.row
    yield "Folds", ", ".join(map(str, folds))
    yield "Seeds", ", ".join(map(str, seeds))
    yield "Images", f"{len(predictions.images):,} in test parts, of {len(predictions.given):,}"


def _warnings(predictions: OutOfFold, problems: Sequence[Problem]) -> Iterator[str]:
    missing = len(predictions.given) - len(predictions.images)
    if missing:
        yield (
            f"{missing:,} of {len(predictions.given):,} images were in no test part, so that no "
            "model could be asked about their labels: train the other folds."
        )
    for caveat in sorted({str(run.metrics["caveat"] or "") for run in predictions.runs} - {""}):
        yield f"Of the split: {caveat}"
    if problems:
        name, reason = escape(problems[0].folder.name), problems[0].reason
        yield f"{len(problems)} runs were left out; the first, {name}: {reason}"
