"""Atomic writing of files, and reading with one-sentence errors for damaged ones."""

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
    """Yield a temporary path to write to, and rename it to `path` if the block succeeds.

    The content is flushed to disk before the renaming, and the folder after it, so that neither a
    kill nor a power cut leaves half a file. If several processes write the same file at once, the
    last one to finish wins.
    """
    temporary = temporary_name(path)
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
        with suppress(OSError):  # some network file systems cannot flush a folder
            _flush(path.parent)
    except OSError as error:
        if error.filename in (None, str(temporary)):  # None if the disk is full
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def name_file_in_errors(path: Path) -> Iterator[None]:
    """Add the name of the file to OSErrors that lack it, as those of a full disk do."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def hard_link(file: Path, to: Path) -> None:
    """Hard-link `file` as `to`, or copy it where the file system has no hard links."""
    try:
        os.link(file, to)
    except OSError:
        shutil.copyfile(file, to)


def _flush(path: Path) -> None:
    """Wait until a file's content, or a folder's entries, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def readable(file: Path, remedy: str = "train the run again") -> Iterator[None]:
    """Convert the errors of reading a missing, damaged or inaccessible file to a UserError."""
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{file} is missing; {remedy}.") from error
    except (OSError, EOFError, ValueError, TypeError, RecursionError, zlib.error) as error:
        raise_shortage(error)
        raise UserError(f"{file} cannot be read or was changed; {remedy}.") from error


def write_text(text: str, path: Path) -> None:
    """Write a text, not atomically, into a folder that no other process uses yet."""
    with name_file_in_errors(path):
        path.write_text(text, encoding="utf-8")


def replace_text(text: str, path: Path) -> None:
    """Write a text, atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, atomically; `csv_escape.read_saved` reads it."""
    with atomic_write(path) as temporary:
        save_csv(frame, temporary)


def write_json(content: dict[str, Any], path: Path) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; raise UserError if the file does not hold one."""
    try:
        return dict(json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is not readable as JSON; remove it and run again.") from error


def write_npz(arrays: dict[str, NDArray[Any]], path: Path) -> None:
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def write_npy(array: NDArray[Any], path: Path) -> None:
    """Write an array as an .npy file, atomically."""
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        # The error of np.save hides the reason if only a part of the array could be written.
        np.lib.format.write_array_header_1_0(
            file, np.lib.format.header_data_from_array_1_0(np.ascontiguousarray(array))
        )
        file.write(np.ascontiguousarray(array).data)


def write_yaml(content: dict[str, Any], path: Path) -> None:
    with atomic_write(path) as temporary:
        OmegaConf.save(OmegaConf.create(content), temporary)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Anchors, by which a few lines can expand without limit, are refused.
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
