"""Paths that a caller gives, and folders that results keep."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aduni.errors import UserError


def list_paths(paths: Any) -> list[str | os.PathLike[str]]:
    """Return one path or several as a list.

    Raises:
        UserError: if there is none, or if one is of another type.
    """
    if isinstance(paths, str | os.PathLike):
        return [paths]
    listed = list(paths) if isinstance(paths, Iterable) else [paths]
    for path in listed:
        if not isinstance(path, str | os.PathLike):
            raise UserError(f"{path!r} is no path; give text or a pathlib.Path.")
    if not listed:
        raise UserError("There is no path in the list; give at least one.")
    return listed


def keep_absolute(result: Any) -> None:
    """Make the path of a frozen result absolute, so that the current folder may change later."""
    [path] = list_paths(result.path)
    object.__setattr__(result, "path", Path(path).absolute())
