"""Files that are written whole or not at all, and read with a sentence for what is wrong."""

import json
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # what OmegaConf.load raises

from aduni.errors import UserError
from aduni.shortage import raise_shortage
from aduni.system.csv_escape import save_csv
from aduni.system.temporary import temporary_name


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary name to write to; it becomes `path` only if the block succeeds.

    The content is on the disk before it gets its name, and the name is when the block is left:
    neither a kill nor a power cut leaves half a file. Of several processes that write the same
    file at once, the last one to finish leaves its own.
    """
    temporary = temporary_name(path)
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
        with suppress(OSError):  # some network file systems cannot flush a folder
            _flush(path.parent)
    except OSError as error:
        if error.filename in (None, str(temporary)):  # a full disk names no file
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have errors name the file that is written: of a full disk they do not."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def hard_link(file: Path, to: Path) -> None:
    """Another name of a whole file, which is never written to again; a copy where links fail."""
    try:
        os.link(file, to)
    except OSError:
        shutil.copyfile(file, to)


def _flush(path: Path) -> None:
    """Wait until a file's content, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def readable(file: Path, remedy: str = "train the run again") -> Iterator[None]:
    """Turn what a cut, binary or unreadable file makes its reader raise into a UserError."""
    try:
        yield
    except (OSError, EOFError, ValueError, TypeError, RecursionError, zlib.error) as error:
        raise_shortage(error)
        raise UserError(f"{file} cannot be read or was changed; {remedy}.") from error


def write_text(text: str, path: Path) -> None:
    """Write a text into a folder that nobody else sees yet."""
    with naming(path):
        path.write_text(text, encoding="utf-8")


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """A table with its header, written whole; `spreadsheet.read_saved` reads it."""
    with atomic_write(path) as temporary:
        save_csv(frame, temporary)


def write_json(content: dict[str, Any], path: Path) -> None:
    """Indented JSON, written whole."""
    with atomic_write(path) as temporary:
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
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def write_npy(array: NDArray[Any], path: Path) -> None:
    """An array, written whole."""
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        # np.save does not say what is wrong with a disk that takes a part of the array.
        np.lib.format.write_array_header_1_0(
            file, np.lib.format.header_data_from_array_1_0(np.ascontiguousarray(array))
        )
        file.write(np.ascontiguousarray(array).data)


def write_yaml(content: dict[str, Any], path: Path) -> None:
    """YAML, written whole."""
    with atomic_write(path) as temporary:
        OmegaConf.save(OmegaConf.create(content), temporary)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping.

    Raises:
        UserError: not one, empty, or with aliases, which a few lines can make endless.
    """
    try:
        text = path.read_text(encoding="utf-8")
        events = list(yaml.parse(text, yaml.SafeLoader))
        if any(getattr(event, "anchor", None) for event in events):
            raise UserError(f"{path} has YAML anchors, which no run stores; start a new run.")
        content = OmegaConf.to_container(OmegaConf.load(StringIO(text)))
    except (OSError, ValueError, RecursionError, OmegaConfBaseException, YAMLError) as error:
        raise_shortage(error)
        raise UserError(f"{path} is not readable as YAML; start a new run.") from error
    if not content:
        raise UserError(f"{path} is empty; restore it from a copy of the run, or start a new run.")
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no settings; start a new run.")
    return {str(key): value for key, value in content.items()}
