"""Build the data set of a stored configuration, without torch and whatever its method."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.utils import get_object

from aduni.config.instantiate import check_node, items_of
from aduni.config.unloaded_data import build_unloaded_data
from aduni.data.image_data import ImageData
from aduni.data.splits.protocol import Protocol
from aduni.errors import UserError
from aduni.results.former_configurations import with_package_level_names

PACKAGE = "aduni.data."


def build_stored_data(
    config: Mapping[str, Any], file: Path, root: str | None, cache_dir: str
) -> ImageData:
    """Return the data set of a run, with new folds; its images are read when they are asked for.

    The file may be somebody else's: it may name only parts of aduni.data, and it does not say where
    resized images are written.

    Args:
        config: plain values from the file.
        file: for errors.
        root: folder of the data set; None for the stored one.
        cache_dir: folder of the resized images.

    Raises:
        UserError: if the file names other parts, or the data set is incomplete.
    """
    stored = {group: config.get(group) for group in ("dataset", "protocol")}
    nodes = with_package_level_names(stored)
    if not all(isinstance(node, dict) for node in nodes.values()):
        raise UserError(f"{file} names no data set; use the version that wrote it.")
    dataset, protocol = nodes["dataset"], nodes["protocol"] | {"split_file": None}
    dataset |= {"augment": [], "cache_dir": cache_dir}  # to check an augmentation takes torch
    if root is not None:
        dataset["root"] = root
    for group, node, kind in (("dataset", dataset, ImageData), ("protocol", protocol, Protocol)):
        _check_parts(node, group, file)
        if not issubclass(_part(node.get("_target_"), file), kind):
            raise UserError(f"{file} names no {group}; use the version that wrote it.")
        check_node(node, group)
    return build_unloaded_data(dataset, protocol)


def _check_parts(node: Any, path: str, file: Path) -> None:
    """Raise UserError unless everything that a node would build is a class of aduni.data."""
    for key, value in items_of(node):
        full = f"{path}.{key}"
        if key == "_target_":
            _part(value, file)
        elif isinstance(key, str) and key.startswith("_"):
            raise UserError(f"{file} has {full}, which no run stores; remove it.")
        elif isinstance(value, str) and "${" in value:
            # Resolving it could show a secret of the environment.
            raise UserError(f"{file} has {full}={value}; write the value itself.")
        _check_parts(value, full, file)


def _part(target: Any, file: Path) -> type:
    try:
        found = get_object(target) if str(target).startswith(PACKAGE) else None
    except (ImportError, ValueError, TypeError):
        found = None
    # An import of a module is an attribute of it, too, but belongs to another one.
    if not (inspect.isclass(found) and found.__module__.startswith(PACKAGE)):
        raise UserError(
            f"{file} names {target}, which is not a data set of this package; use runs on one of "
            "dataset=folder or dataset=csv."
        )
    return found
