"""Files that are written whole or not at all, and read with a sentence for what is wrong."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # what OmegaConf.load raises

from aduni.errors import UserError


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary name to write to; it becomes `path` only if the block succeeds."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """A table with its header, written whole."""
    with written_whole(path) as temporary:
        frame.to_csv(temporary, index=False)


def write_json(content: dict[str, Any], path: Path) -> None:
    """Indented JSON, written whole."""
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        UserError: not one.
    """
    try:
        return dict(json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is not readable as JSON; remove it and run again.") from error


def write_npz(arrays: dict[str, NDArray[Any]], path: Path) -> None:
    """Named arrays, compressed, written whole."""
    with written_whole(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def write_yaml(content: dict[str, Any], path: Path) -> None:
    """YAML, written whole."""
    with written_whole(path) as temporary:
        OmegaConf.save(OmegaConf.create(content), temporary)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping.

    Raises:
        UserError: not one.
    """
    try:
        content = OmegaConf.to_container(OmegaConf.load(path))
    except (OSError, ValueError, OmegaConfBaseException, YAMLError) as error:
        raise UserError(f"{path} is not readable as YAML; start a new run.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no settings; start a new run.")
    return {str(key): value for key, value in content.items()}
