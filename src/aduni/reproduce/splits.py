"""Hashes of splits, remembered, so that nobody reads a data set twice to name its runs."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from aduni.system.atomic_files import read_json, write_json


class SplitHashes:
    """splits.json in a reproduction's folder.

    A hash is good as long as the data set's files have the same names, sizes and times.

    Args:
        folder: of the reproduction.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "splits.json"
        self._known: dict[str, str] = read_json(self._path) if self._path.exists() else {}

    def of(self, config: dict[str, Any]) -> str:
        """The hash of a run's split.

        Args:
            config: the run's resolved configuration.

        Raises:
            UserError: the data set is missing or does not hold together.
        """
        key = _key(config)
        if key not in self._known:
            self._known[key] = _compute(config)
            if self._path.parent.is_dir():
                write_json(self._known, self._path)
        return self._known[key]


def _key(config: dict[str, Any]) -> str:
    """Of the split's settings and the state of the data set's files."""
    dataset = {key: value for key, value in config["dataset"].items() if key != "cache_dir"}
    digest = hashlib.sha256(json.dumps([dataset, config["protocol"], config["fold"]]).encode())
    table = Path(dataset.get("csv") or "")
    if table.is_file():
        digest.update(table.read_bytes())
    root = Path(dataset["root"] or table.parent)
    if dataset["root"] or table.is_file():
        for name, size, time in _files(root):
            digest.update(f"{name}\0{size}\0{time}\n".encode())
    return f"{config['names']['dataset']} fold {config['fold']} {digest.hexdigest()[:16]}"


def _files(root: Path) -> list[tuple[str, int, int]]:
    found = []
    for folder, _, names in os.walk(root):
        for name in names:
            try:
                status = os.stat(os.path.join(folder, name))
            except FileNotFoundError:  # a link that leads nowhere, perhaps of no account
                continue
            place = os.path.relpath(os.path.join(folder, name), root)
            found.append((place, status.st_size, status.st_mtime_ns))
    return sorted(found)


def _compute(config: dict[str, Any]) -> str:
    # Reading a data set takes torch and all else that trains, which a second call does not need.
    from aduni.config.build import build_data
    from aduni.config.schema import read_settings

    return build_data(read_settings(OmegaConf.create(config))).split_hash
