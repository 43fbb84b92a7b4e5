"""Where a stopped stage goes on, whatever a kill or a damaged file has left of its checkpoints."""

import logging
import sys
from pathlib import Path
from typing import Any

from aduni.callbacks import Checkpoints
from aduni.checkpoints import load_checkpoint
from aduni.errors import UserError
from aduni.files import second_name, written_whole
from aduni.processes import is_first_process

KEY = "resume"

log = logging.getLogger(__name__)


def newest_epoch(folder: Path) -> int | None:
    """The epoch that a stage goes on from, which last.ckpt then holds; None where it starts anew.

    A damaged last.ckpt gives way to the newest of the others. So does a whole one to best.ckpt
    where the run was killed between the two.

    Args:
        folder: of the stage's checkpoints.

    Raises:
        UserError: the best epoch's weights are lost.
    """
    found: dict[str, dict[str, Any]] = {}
    damaged = []
    for name in ("last", "best", "previous"):
        file = folder / f"{name}.ckpt"
        try:
            if file.exists():
                found[name] = load_checkpoint(file, KEY)
        except UserError:
            damaged.append(str(file))
    newest = max(found, key=lambda name: int(found[name]["epoch"]), default=None)
    if damaged and is_first_process():
        _tell(" and ".join(damaged), newest)
    if newest is None:
        return None
    epoch = int(found[newest]["epoch"])
    _place(folder, found, "last", epoch)
    best = int(found[newest]["callbacks"][Checkpoints.__qualname__]["epoch"])
    if best >= 0:
        _place(folder, found, "best", best)
    return epoch


def _place(folder: Path, found: dict[str, dict[str, Any]], name: str, epoch: int) -> None:
    """See to it that a file is of the epoch that it is to be of."""
    holders = [other for other, content in found.items() if int(content["epoch"]) == epoch]
    file = folder / f"{name}.ckpt"
    if not holders:
        raise UserError(
            f"{file} cannot be read, and no other checkpoint is of epoch {epoch}; start a new run."
        )
    if name not in holders and is_first_process():
        with written_whole(file) as temporary:
            second_name(folder / f"{holders[0]}.ckpt", temporary)


def _tell(damaged: str, newest: str | None) -> None:
    """On the screen and in the log."""
    remedy = f"goes on from {newest}.ckpt" if newest else "starts this stage again"
    sentence = f"{damaged} is damaged; the run {remedy}."
    log.warning("%s", sentence)
    print(f"warning: {sentence}", file=sys.stderr)
