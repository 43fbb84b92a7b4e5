"""A profile of a training epoch as text: where its time goes, and which operations it calls."""

from typing import Any

import torch

from aduni.system.atomic_files import atomic_write
from benchmarks.composing import train
from benchmarks.part import Bench, Row, Section

ACTIONS = {
    "loader: waiting for a batch": (".train_dataloader_next",),
    "transfer to the device": ("Strategy.batch_to_device",),
    "forward and loss": ("Strategy.training_step",),
    "backward": ("Strategy.backward",),
    "optimiser step": ("StageModule.optimizer_step",),
    "progress bar": ("Progress.on_train_batch_end", "Progress.on_train_epoch_end"),
    "history": ("History.on_train_epoch_end",),
    "checkpoints": ("Checkpoints.on_train_epoch_end",),
}
"""Ends of the names that Lightning gives to what it times."""


def measure(bench: Bench) -> Section:
    """Return shares of an epoch's time; write profile.txt with them and the operations."""
    effort = bench.effort
    words = bench.synthetic(effort.steps // 2 * effort.batch_size, "epochs=1")
    timed = [*words, "num_workers=1", "+trainer.profiler=simple"]
    trainer: Any = train(timed, bench.scratch / "shares").data.module.trainer
    seconds = trainer.profiler.recorded_durations
    with torch.profiler.profile(acc_events=True) as operations:
        train([*words, "num_workers=0"], bench.scratch / "operations")
    own_time = f"self_{'device' if torch.cuda.is_available() else 'cpu'}_time_total"
    table = operations.key_averages().table(own_time, row_limit=25, max_name_column_width=48)
    rows = shares({name: sum(values) for name, values in seconds.items()})
    lines = [
        "Share of an epoch's time, validation pass not counted:",
        *(f"  {row['what']:<44} {row['share']:6.1%} {row['seconds']:8.2f} s" for row in rows),
        "\nOperations by their own time:",
        table,
    ]
    with atomic_write(bench.output / "profile.txt") as temporary:
        temporary.write_text("\n".join(lines) + "\n")
    notes = (
        "Host time by Lightning's profiler, the first epoch's warm-up included; on a GPU the host "
        "waits where it needs a result. profile.txt lists the operations.",
    )
    return Section("Profile of a training epoch", rows, notes)


def shares(totals: dict[str, float]) -> list[Row]:
    """Return rows of what an epoch is spent on, from the seconds of Lightning's actions by name."""

    def total(*endings: str) -> float:
        return sum(seconds for name, seconds in totals.items() if name.endswith(endings))

    # The training epoch contains the validation pass, but not what happens at its own end.
    epoch = total("run_training_epoch", ".on_train_epoch_end")
    whole = epoch - total("Strategy.validation_step", ".val_next")
    parts = {what: total(*endings) for what, endings in ACTIONS.items()}
    parts["optimiser step"] -= parts["forward and loss"] + parts["backward"]  # it contains them
    parts["rest"] = whole - sum(parts.values())
    return [
        {"what": what, "seconds": seconds, "share": seconds / whole}
        for what, seconds in parts.items()
    ]
