"""Shards: parts of a command's work that an array of jobs divides among its members."""

import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from aduni.errors import UserError


@dataclass(frozen=True)
class Shard:
    """Shard `number`, from 1, of `count`."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def every(self) -> slice:
        """Items of this shard: they are dealt in turn, in the order of the whole."""
        return slice(self.number - 1, None, self.count)

    def check(self, count: int) -> None:
        """Raise UserError if there are fewer items than shards."""
        if self.count > count:
            raise UserError(
                f"shard={self} divides what has {count} parts at most; write shard=i/{count}, or "
                "lower n further."
            )

    def batches(self, count: int, size: int) -> list[range]:
        """Return those of the batches of `size` of `count` items that are dealt to this shard."""
        starts = range(0, count, size)
        return [range(start, min(start + size, count)) for start in starts[self.every]]

    @property
    def suffix(self) -> str:
        """End of the names of its files and folders."""
        return f"-shard-{self.number}-of-{self.count}"


def read_shard(value: Any) -> Shard | None:
    """Read a shard from i/n; raise ValueError, with the rest of a sentence, if it is none."""
    if value is None or isinstance(value, Shard):
        return value
    numbers = re.fullmatch(r"([1-9]\d{0,8})/([1-9]\d{0,8})", str(value))
    if not numbers or int(numbers[1]) > int(numbers[2]):
        raise ValueError("is not a shard; write shard=i/n with i from 1 to n, such as shard=4/4")
    return Shard(int(numbers[1]), int(numbers[2]))


OptionalShard = Annotated[Shard | None, BeforeValidator(read_shard)]
"""Type of the key `shard`; None for all of the work."""


def shard_folder(folder: Path, shard: Shard) -> Path:
    """Return the folder of a shard of what will be in a folder."""
    return folder.with_name(f"{folder.name}{shard.suffix}")


def remove_shards(folders: Iterable[Path]) -> None:
    """Remove merged folders, and the files by which they were locked."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        folder.with_name(f"{folder.name}.lock").unlink(missing_ok=True)


def shard_counts(prefix: Path) -> set[int]:
    """Find into how many shards array jobs have divided something whose paths begin like this."""
    name = re.compile(re.escape(prefix.name) + r"[0-9a-f]*-shard-\d+-of-(\d+)(?:\.\w+)?")
    files = prefix.parent.iterdir() if prefix.parent.is_dir() else ()
    return {int(found[1]) for file in files if (found := name.fullmatch(file.name))}


def find_shards(prefix: Path, path_of: Callable[[Shard], Path]) -> dict[Shard, Path | None]:
    """Find the shards of one whole, and which of them are missing.

    Args:
        prefix: beginning of their paths, up to what differs from shard to shard.
        path_of: path that a shard of the whole must have.

    Returns:
        All shards of one division, with None for missing ones; empty if there is no shard. Of
        several divisions the most complete one counts.
    """
    divisions = []
    for count in sorted(shard_counts(prefix)):
        shards = [Shard(number, count) for number in range(1, count + 1)]
        paths = {shard: path_of(shard) for shard in shards}
        divisions.append({s: path if path.exists() else None for s, path in paths.items()})
    found = [division for division in divisions if any(division.values())]
    return max(found, key=_completeness, default={})


def _completeness(division: dict[Shard, Path | None]) -> float:
    return sum(path is not None for path in division.values()) / len(division)
