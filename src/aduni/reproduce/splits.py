"""Cache the hashes of splits, so that a second call need not read the data set to name its runs."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from aduni.system.atomic_files import read_json, write_json


class SplitHashes:
    """Hashes of splits in splits.json, valid while data files keep name, size and time."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "splits.json"
        self._hashes: dict[str, str] = read_json(self._path) if self._path.exists() else {}

    def of(self, config: dict[str, Any]) -> str:
        key = _key(config)
        if key not in self._hashes:
            self._hashes[key] = _compute(config)
            if self._path.parent.is_dir():
                write_json(self._hashes, self._path)
        return self._hashes[key]


def _key(config: dict[str, Any]) -> str:
    """Return a key that changes with the split's settings and the files of the data set."""
    dataset = {key: value for key, value in config["dataset"].items() if key != "cache_dir"}
    digest = hashlib.sha256(json.dumps([dataset, config["protocol"], config["fold"]]).encode())
    table = Path(dataset.get("csv") or "")
    if table.is_file():
        digest.update(table.read_bytes())
    root = Path(dataset["root"] or table.parent)
    if dataset["root"] or table.is_file():
        for path, size, time in _files(root):
            digest.update(f"{path}\0{size}\0{time}\n".encode())
    return f"{config['names']['dataset']} fold {config['fold']} {digest.hexdigest()[:16]}"


def _files(root: Path) -> list[tuple[str, int, int]]:
    """Return (relative path, bytes, modification time in ns) of all files in a folder, sorted."""
    files = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            try:
                status = os.stat(path)
            except FileNotFoundError:  # a broken link, which the data set may not need
                continue
            files.append((os.path.relpath(path, root), status.st_size, status.st_mtime_ns))
    return sorted(files)


def _compute(config: dict[str, Any]) -> str:
    from aduni.config.build import build_data  # imports torch, which a cached hash does not need
    from aduni.config.schema import read_settings

    return build_data(read_settings(OmegaConf.create(config))).split_hash
