"""Settings that come from a file: only what runs of this package consist of is built from them."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import albumentations as A
from hydra.utils import get_object
from pydantic import ValidationError

from aduni.config import Settings
from aduni.errors import UserError

CLASSES = ("aduni.data", "aduni.methods", "aduni.models")
FUNCTIONS = ("aduni.losses", "aduni.schedules")
SINGLE = ("aduni.dashboard.Dashboard", "aduni.ranks.Ranks", "pytorch_lightning.Trainer")
TRANSFORMS = "albumentations"


def read_stored(content: Any, source: Path, trust: Sequence[str]) -> Settings:
    """Settings as a run folder or a checkpoint holds them.

    What a configuration on the command line builds, its author chose; a file may be somebody
    else's. So it may name classes of aduni.data, aduni.methods and aduni.models, functions of
    aduni.losses and aduni.schedules, the dashboard, the trainer, its strategy and albumentations'
    transforms.

    Args:
        content: of the file; plain values.
        source: the file, for the errors.
        trust: further packages or modules whose own classes and functions it may name.

    Raises:
        UserError: it names anything else, has an interpolation, or is not of this version.
    """
    for path, key, value in _entries(content, ""):
        if key == "_target_":
            _check_target(value, path, source, trust)
        elif isinstance(key, str) and key.startswith("_") and key != "_partial_":
            raise UserError(f"{source} has {path}, which no run stores; remove it.")
        elif isinstance(value, str) and "${" in value:
            # Resolved, it could carry a secret of the environment into a log.
            raise UserError(f"{source} has {path}={value}; write the value itself.")
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        raise UserError(
            f"{source} holds settings that this version does not know; use the version that wrote "
            "them, or start a new run."
        ) from error


def _check_target(target: Any, path: str, source: Path, trust: Sequence[str]) -> None:
    if isinstance(target, str) and _is_allowed(target, trust):
        return
    module = str(target).rpartition(".")[0]
    raise UserError(
        f"{source} names {target} for {path}, which is no part of this package that a stored "
        f"configuration may start; if you trust it, add trust=[{module}]."
    )


def _is_allowed(target: str, trust: Sequence[str]) -> bool:
    """Nothing outside the list is imported to find out."""
    if target in SINGLE:
        return True
    packages = (*CLASSES, *FUNCTIONS, *trust, TRANSFORMS)
    package = next((name for name in packages if target.startswith(f"{name}.")), None)
    if package is None:
        return False
    try:
        found = get_object(target)
    except (ImportError, ValueError, TypeError):
        return False
    if package == TRANSFORMS:
        return inspect.isclass(found) and issubclass(found, A.BasicTransform | A.BaseCompose)
    # What a module imports is within its reach: aduni.data.cache.os.system is not ours.
    home = f"{getattr(found, '__module__', '')}."
    is_class, is_function = inspect.isclass(found), inspect.isfunction(found)
    kind = {**dict.fromkeys(CLASSES, is_class), **dict.fromkeys(FUNCTIONS, is_function)}
    return home.startswith(f"{package}.") and kind.get(package, is_class or is_function)


def _entries(node: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """(full key, key, value) of everything in mappings and lists, at any depth."""
    pairs: Iterator[tuple[Any, Any]] = iter(())
    if isinstance(node, Mapping):
        pairs = iter(node.items())
    elif isinstance(node, list | tuple):
        pairs = enumerate(node)
    for key, value in pairs:
        full = f"{path}.{key}" if path else str(key)
        yield full, key, value
        yield from _entries(value, full)
