"""What a part hands over, and where it works."""

from dataclasses import dataclass, field
from pathlib import Path

import torch

from benchmarks.effort import Effort
from benchmarks.measure import Spread

Cell = str | int | float | Spread | None
Row = dict[str, Cell]


@dataclass(frozen=True)
class Bench:
    """Where and how much a part measures.

    Attributes:
        effort: sizes.
        scratch: an empty folder of the part's own, removed afterwards.
        output: folder of the results.
    """

    effort: Effort
    scratch: Path
    output: Path


@dataclass(frozen=True)
class Section:
    """Results of a part.

    Attributes:
        title: of its table.
        rows: with the same columns each.
        notes: sentences on what was measured.
        figures: those that a target asks for, by its key.
    """

    title: str
    rows: list[Row]
    notes: tuple[str, ...] = ()
    figures: dict[str, Spread] = field(default_factory=dict)


def devices() -> list[torch.device]:
    """The CPU, and a GPU where there is one."""
    gpus = [torch.device("cuda", 0)] if torch.cuda.is_available() else []
    return [torch.device("cpu"), *gpus]
