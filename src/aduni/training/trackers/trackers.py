"""The trackers of a run, each of which gets the same, and none of which can stop the run."""

import logging
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from pytorch_lightning.loggers import Logger

from aduni.config.instantiate import Node, build
from aduni.errors import UserError, missing_extra, warn
from aduni.results.history_csv import read_history
from aduni.training.trackers.media import send_media
from aduni.training.trackers.results import RunResults

log = logging.getLogger(__name__)


class Trackers:
    """Lightning's loggers of a run; the first failure of one is a warning, and its last call.

    Used as a context, it ends the trackers as failed if the block raises.
    """

    def __init__(self) -> None:
        self._loggers: dict[str, Logger] = {}

    def __enter__(self) -> "Trackers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        status = "success" if kind is None else "failed"
        self._each(lambda logger: logger.finalize(status))

    def open(self, nodes: Mapping[str, Node]) -> None:
        """Build the loggers.

        Args:
            nodes: name -> `_target_` and options.

        Raises:
            UserError: if an option is wrong or a package is missing.
        """
        for name, node in nodes.items():
            try:
                self._loggers[name] = _build(name, node)
            except UserError:
                raise
            except Exception as error:
                _warn(name, error)

    def log_hyperparams(self, values: Mapping[str, Any]) -> None:
        """Send the settings of the run."""
        self._each(lambda logger: logger.log_hyperparams(dict(values)))

    def log_epoch(self, history: Path) -> None:
        """Send the newest row of history.csv; the step is its epoch, counted through all stages."""
        if not self._loggers:
            return
        epochs = read_history(history)
        row, step = epochs.iloc[-1].drop(["stage", "epoch"]).dropna(), len(epochs) - 1
        values = {_name(str(key)): float(value) for key, value in row.items()}
        self._each(lambda logger: _log(logger, {**values, "epoch": float(step)}, step))

    def log_results(self, results: RunResults) -> None:
        """Send what a finished run has found; the figures first, pictures and texts after them."""
        self._each(lambda logger: _log(logger, results.metrics, results.step))
        self._each(lambda logger: send_media(logger, results))

    def _each(self, action: Callable[[Logger], Any]) -> None:
        for name, logger in list(self._loggers.items()):
            try:
                action(logger)
            except Exception as error:
                del self._loggers[name]
                _warn(name, error)
                with suppress(Exception):
                    logger.finalize("failed")


def _build(name: str, node: Node) -> Logger:
    if "_target_" not in node:
        raise UserError(f"logger.{name}._target_ is missing; give a class of a logger.")
    try:
        logger: Logger = build(node)
    except ModuleNotFoundError as error:
        if name == "tensorboard":
            raise missing_extra(f"logger={name}", name, name) from error
        problem = f"needs a package ({_first_sentence(error)}); add it, or leave the logger out."
        raise UserError(f"logger={name} {problem}") from error
    except UserError as error:
        problem = f"cannot be used ({_first_sentence(error)}); correct logger.{name}.KEY."
        raise UserError(f"logger={name} {problem}") from error
    return logger


def _log(logger: Logger, values: Mapping[str, float], step: int) -> None:
    logger.log_metrics(dict(values), step=step)
    logger.save()


def _name(column: str) -> str:
    """Return the name of a column of history.csv, as trackers group names by their first part."""
    part, _, name = column.partition("_")
    return f"val/{name}" if part == "validation" else f"train/{column}"


def _warn(name: str, error: Exception) -> None:
    warn(
        log,
        f"logger={name} failed ({type(error).__name__}: {_first_sentence(error)}) and gets nothing "
        "more; the run goes on, and its folder has everything.",
    )


def _first_sentence(error: Exception) -> str:
    return re.split(r"\n|\.\s", str(error).strip())[0].rstrip(".: ")
