"""Keep the last, the previous and the best checkpoint of a stage."""

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning import Callback, LightningModule, Trainer

from aduni.checkpoints.save import AtomicCheckpointIO
from aduni.errors import warn
from aduni.system.atomic_files import atomic_write, hard_link

log = logging.getLogger(__name__)


class Checkpoints(Callback):
    """Callback that writes last.ckpt every epoch, and best.ckpt if the epoch beats all before it.

    The former last.ckpt is kept as previous.ckpt. Lightning's ModelCheckpoint cannot
    require two metrics to improve, and writes last.ckpt only together with the best.

    Args:
        folder: where the files are written.
        rule: `macro_f1`, or `accuracy_and_macro_f1`: an epoch is better only if both beat the best
            epoch's (the authors' code). Of equal epochs the earlier one stays. None: no best one.
        in_background: write while the next epoch is trained, from a copy; None: only on a GPU,
            which does not need the CPU meanwhile.
    """

    def __init__(
        self,
        folder: Path,
        rule: Literal["macro_f1", "accuracy_and_macro_f1"] | None,
        in_background: bool | None = None,
    ) -> None:
        self._folder, self._rule = folder, rule
        self._deciding = ("macro_f1",) if rule == "macro_f1" else ("accuracy", "macro_f1")
        self._best = {"accuracy": -1.0, "macro_f1": -1.0}
        self._epoch = -1
        self._in_background = in_background
        self._writer = ThreadPoolExecutor(max_workers=1)
        self._written: Future[None] | None = None

    @property
    def best_epoch(self) -> int:
        """Number of the best epoch, from 0; -1 before there is one."""
        return self._epoch

    @property
    def best_f1(self) -> float | None:
        """Macro F1 of the best epoch, None before there is one."""
        return None if self._epoch < 0 else self._best["macro_f1"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find out whether the training runs on a GPU."""
        if self._in_background is None:
            self._in_background = trainer.strategy.root_device.type == "cuda"

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the checkpoints; those of the epoch before are complete by then."""
        better = self._rule is not None and self._update_best(trainer.callback_metrics)
        if better:
            self._epoch = trainer.current_epoch
        save: Callable[[Path], None] = partial(trainer.save_checkpoint, weights_only=False)
        if self._in_background:
            self._wait()
            io = trainer.strategy.checkpoint_io
            assert isinstance(io, AtomicCheckpointIO)
            with io.holding() as held:  # by the first rank alone
                save(self._folder / "last.ckpt")
            if held:
                save = partial(AtomicCheckpointIO().save_checkpoint, held[0])
                self._written = self._writer.submit(self._write, save, better)
        elif trainer.is_global_zero:
            self._write(save, better)
        else:
            save(self._folder / "last.ckpt")
        trainer.strategy.barrier("checkpoints")  # other ranks read them after the last epoch

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Wait until the last checkpoints are complete, on all ranks."""
        if self._in_background:
            self._wait()
            trainer.strategy.barrier("last checkpoints")

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Complete the checkpoints of the last epoch, from which the run can be resumed.

        If this fails, a warning says so, as the error that ends the training came first.
        """
        try:
            self._wait()
        except Exception as error:
            warn(log, f"The last checkpoints are not complete: {error}")

    def _wait(self) -> None:
        """Wait for the writer, and raise what it has raised."""
        written, self._written = self._written, None
        if written is not None:
            written.result()

    def _write(self, save: Callable[[Path], None], better: bool) -> None:
        """Write the checkpoints, the best first, so that the newest is whole at any moment."""
        best, last = self._folder / "best.ckpt", self._folder / "last.ckpt"
        with self._previous_kept(last):
            save(best if better else last)
            if better:
                with atomic_write(last) as temporary:
                    hard_link(best, temporary)

    @contextmanager
    def _previous_kept(self, last: Path) -> Iterator[None]:
        """Rename last.ckpt to previous.ckpt as soon as another one has taken its place."""
        if not last.exists():
            yield
            return
        with atomic_write(self._folder / "previous.ckpt") as former:
            hard_link(last, former)
            yield

    def _update_best(self, metrics: Mapping[str, Any]) -> bool:
        """Remember the epoch if it is the best so far, and return whether it is."""
        now = {score: float(metrics[f"validation_{score}"]) for score in self._best}
        better = all(now[score] > self._best[score] for score in self._deciding)
        if better:
            self._best = now
        return better

    def state_dict(self) -> dict[str, Any]:
        """Return the best epoch's scores and its number, -1 before there is one."""
        return {"scores": self._best, "epoch": self._epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best epoch's scores and number."""
        self._best, self._epoch = dict(state_dict["scores"]), int(state_dict["epoch"])
