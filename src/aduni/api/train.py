"""Train a model from Python."""

import logging
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig

from aduni.api.composition import composed
from aduni.api.images_table import Data, with_data
from aduni.api.process_state import process_as_before
from aduni.api.run import Run
from aduni.cli.arguments import quoted
from aduni.errors import UserError
from aduni.results.run_folder import RunFolder
from aduni.system.freed_memory import keep_freed_memory
from aduni.training.start import start


def train(
    method: str | None = None,
    data: Data | None = None,
    *,
    output: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Run:
    """Train a method on one fold, test it once, and return the run.

    It does what the command `train` does, and prints the same.

    Args:
        method: an option of conf/method, such as "aduni", "ce" or "balanced_softmax"; None for the
            default of conf/train.yaml.
        data: folder with a folder of images for each class, CSV table or data frame with the
            columns image and label, or the name of a published data set; None for the digits.
        output: folder of the run; None for a new one in outputs/.
        settings: any other key of the command. Keys of a group are a dictionary:
            `dataset={"image_size": 64}`; beside an option of the group they are written with
            dots: `dataset="aptos", **{"dataset.image_size": 64}`.

    Raises:
        UserError: for every mistake that can be corrected by the caller.
    """
    _refuse_loader_process()
    if settings.get("shard"):
        raise UserError("shard= makes no run; leave it out, or use the command train.")
    named = {} if method is None else {"method": method}
    overrides = with_data(data, {**named, **settings})
    folder = [] if output is None else [f"hydra.run.dir={quoted(os.fspath(output))}"]
    keep_freed_memory()
    with process_as_before(), composed("train", [*overrides, *folder]) as config:
        run = RunFolder(Path(HydraConfig.get().run.dir))
        run.path.mkdir(parents=True, exist_ok=True)
        with _logged(run.log):
            start(config, overrides, run)
    return Run(run.path)


def _refuse_loader_process() -> None:
    """Raise UserError where a process that is being started runs the caller's script again.

    Where processes are spawned (macOS, Windows), each loader process imports the script first.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise UserError(
            'A loader process runs this script again; write `if __name__ == "__main__":` above '
            "what calls aduni.train, or set num_workers=0."
        )


@contextmanager
def _logged(file: Path) -> Iterator[None]:
    """Write this package's log and all warnings to a file, as the command does."""
    package, lightning = logging.getLogger("aduni"), logging.getLogger("pytorch_lightning")
    handler = logging.FileHandler(file)
    handler.setFormatter(logging.Formatter("[%(asctime)s][%(name)s][%(levelname)s] - %(message)s"))
    levels, captured = (package.level, lightning.level), logging.getLogger("py.warnings")
    package.setLevel(logging.INFO)
    lightning.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    for log in (package, captured):
        log.addHandler(handler)
    try:
        yield
    finally:
        for log in (package, captured):
            log.removeHandler(handler)
        logging.captureWarnings(False)
        package.setLevel(levels[0])
        lightning.setLevel(levels[1])
        handler.close()
