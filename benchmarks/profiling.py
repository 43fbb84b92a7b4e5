"""A profile of a training epoch as text: where its time goes, and which operations it calls."""

from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.profilers import SimpleProfiler
from torch.profiler import ProfilerActivity

from aduni.system.atomic_files import atomic_write
from benchmarks.composing import synthetic
from benchmarks.section import Bench, Row, Section
from benchmarks.training import watched_training

TOP = 25
"""Operations in the text."""

WARM_UP = 3
"""Steps before the profile begins."""


class Operations(Callback):
    """torch's profiler over the steps of an epoch after the first few."""

    def __init__(self) -> None:
        on_gpu = [ProfilerActivity.CUDA] if torch.cuda.is_available() else []
        self.profiler = torch.profiler.profile(
            activities=[ProfilerActivity.CPU, *on_gpu], acc_events=True
        )
        self.steps = 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Begin after the steps that warm up."""
        if batch_idx + 1 == WARM_UP:
            self.profiler.start()
        elif batch_idx >= WARM_UP:
            self.steps += 1
            if trainer.is_last_batch:
                self.profiler.stop()

    def table(self) -> str:
        """Operations by their own time."""
        key = "self_device_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
        averages = self.profiler.key_averages()
        text: str = averages.table(sort_by=key, row_limit=TOP, max_name_column_width=48)
        return text


class _Trainer(Callback):
    """Keeps the trainer, whose profiler has the durations."""

    trainer: Trainer

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.trainer = trainer


def measure_profile(bench: Bench) -> Section:
    """Shares of an epoch's time, and profile.txt with them and the operations."""
    watcher, operations = _Trainer(), Operations()
    given = _overrides(bench)
    watched_training(given, bench.scratch / "shares", watcher, profiler="simple")
    watched_training(given, bench.scratch / "operations", operations)
    profiler = watcher.trainer.profiler  # type: ignore[attr-defined]
    assert isinstance(profiler, SimpleProfiler)
    totals = {name: sum(values) for name, values in profiler.recorded_durations.items()}
    rows = shares(totals)
    text = "\n".join(
        [
            "Share of an epoch's time, validation pass not counted:",
            *(f"  {row['what']:<44} {row['share']:6.1%} {row['seconds']:8.2f} s" for row in rows),
            "",
            f"Operations of {operations.steps} steps by their own time:",
            operations.table(),
            "",
        ]
    )
    with atomic_write(bench.output / "profile.txt") as temporary:
        temporary.write_text(text)
    notes = (
        "Host time by Lightning's profiler, the first epoch's warm-up included; on a GPU the host "
        "waits where it needs a result. profile.txt lists the operations.",
    )
    return Section("Profile of a training epoch", rows, notes)


def _overrides(bench: Bench) -> list[str]:
    effort = bench.effort
    steps = max(effort.steps // 2, WARM_UP + 1)
    return [
        *synthetic(
            bench.scratch / "cache",
            images=steps * effort.batch_size,
            held_out=14,
            image_size=effort.image_size,
            batch_size=effort.batch_size,
        ),
        "epochs=1",
        "num_workers=1",
        "trainer=auto",
    ]


def shares(totals: dict[str, float]) -> list[Row]:
    """Rows of what an epoch is spent on.

    Args:
        totals: seconds of Lightning's actions by name. `optimizer_step` contains the forward and
            the backward pass; `run_training_epoch` contains all but what happens at its end.
    """

    def total(*endings: str) -> float:
        return sum(seconds for name, seconds in totals.items() if name.endswith(endings))

    forward, backward = total("Strategy.training_step"), total("Strategy.backward")
    at_the_end = {
        "progress bar": total("Progress.on_train_epoch_end"),
        "history": total("History.on_train_epoch_end"),
        "checkpoints": total("Checkpoints.on_train_epoch_end"),
    }
    validation = total("Strategy.validation_step", ".val_next")
    whole = total("run_training_epoch") - validation + sum(at_the_end.values())
    parts = {
        "loader: waiting for a batch": total(".train_dataloader_next"),
        "transfer to the device": total("Strategy.batch_to_device"),
        "forward and loss": forward,
        "backward": backward,
        "optimiser step": max(total("StageModule.optimizer_step") - forward - backward, 0.0),
        **at_the_end,
    }
    parts["progress bar"] += total("Progress.on_train_batch_end")
    parts["rest"] = max(whole - sum(parts.values()), 0.0)
    return [
        {"what": name, "seconds": seconds, "share": seconds / whole}
        for name, seconds in parts.items()
    ]
