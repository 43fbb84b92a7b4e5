"""Tables, pictures and texts of a finished run, in the form that a tracker shows them in."""

from functools import singledispatch
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from aduni.results.model_card.front_matter import without_front_matter
from aduni.training.trackers.results import RunResults

MAX_CONFUSION_CLASSES = 60
"""W&B takes the cells of a confusion matrix as rows of a table."""


@singledispatch
def send_media(logger: Logger, results: RunResults) -> None:
    """Send nothing: Lightning has one way for numbers, and each tracker its own for the rest."""


@send_media.register
def _to_tensorboard(logger: TensorBoardLogger, results: RunResults) -> None:
    from aduni.reporting.figures.confusion import draw_confusion  # imports matplotlib

    chosen = {name: results.metrics[name] for name in results.chosen}
    logger.log_hyperparams(dict(logger.hparams), chosen, results.step)  # the page of all runs
    writer = logger.experiment
    matrix = {"test": results.confusion.to_numpy()}
    figure = draw_confusion(matrix, [*map(str, results.confusion)], results.dataset)
    writer.add_figure("test/confusion_matrix", figure, results.step)
    writer.add_text("test/classes", _markdown(results.classes), results.step)
    for file in results.files:
        if file.suffix == ".png":
            with Image.open(file) as image:
                pixels = np.asarray(image.convert("RGB"))
            writer.add_image(file.stem, pixels, results.step, dataformats="HWC")
        elif file.suffix == ".md":
            text = without_front_matter(file.read_text(encoding="utf-8"))
            writer.add_text(file.stem, text, results.step)


@send_media.register
def _to_wandb(logger: WandbLogger, results: RunResults) -> None:
    import wandb

    content = {
        "test/classes": wandb.Table(dataframe=results.classes.reset_index()),
        **{file.stem: html_or_image(file) for file in results.files},
    }
    if len(results.confusion) <= MAX_CONFUSION_CLASSES:
        content["test/confusion_matrix"] = _confusion(results.confusion)
    logger.experiment.log(content)


@send_media.register
def _to_mlflow(logger: MLFlowLogger, results: RunResults) -> None:
    client, run = logger.experiment, logger.run_id
    tables = {"test_classes": results.classes, "test_confusion_matrix": results.confusion}
    for name, table in tables.items():
        client.log_text(run, table.to_csv(), f"{name}.csv")
    for file in results.files:
        client.log_artifact(run, str(file))


def html_or_image(file: Path) -> object:
    """Return what W&B shows of a file: a picture, a drawing or page, or a text as it is."""
    import wandb

    if file.suffix == ".png":
        return wandb.Image(str(file))
    text = file.read_text(encoding="utf-8")
    return wandb.Html(f"<pre>{escape(text)}</pre>" if file.suffix == ".md" else text)


def _confusion(matrix: pd.DataFrame) -> object:
    import wandb

    columns = ("Actual", "Predicted", "nPredictions")
    cells = matrix.stack().reset_index().set_axis(columns, axis="columns")
    return wandb.plot_table(
        data_table=wandb.Table(dataframe=cells),
        vega_spec_name="wandb/confusion_matrix/v1",
        fields={name: name for name in columns},
        string_fields={"title": "test part"},
    )


def _markdown(table: pd.DataFrame) -> str:
    lines = table.reset_index().round(4).to_csv(sep="|", index=False).splitlines()
    rule = "|".join(["---"] * (len(table.columns) + 1))
    return "\n".join([lines[0], rule, *lines[1:]])
