"""Check settings from a file, which may name only the parts that runs of this package have."""

import inspect
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import albumentations as A
from hydra.utils import get_object
from pydantic import ValidationError
from pytorch_lightning import Trainer

from aduni.config.instantiate import Node, check_node, items_of
from aduni.config.schema import GROUPS, Settings
from aduni.config.user_packages import may_be_trusted
from aduni.data.image_data import ImageData
from aduni.data.loading.samplers import Sampler
from aduni.data.splits.protocol import Protocol
from aduni.errors import UserError, complaint
from aduni.methods.base import Method
from aduni.methods.class_weights import ClassWeights
from aduni.models.backbones import is_factory
from aduni.models.encoder import Encoder
from aduni.results.former_configurations import (
    package_level_name,
    with_class_weights,
    with_mixing,
    with_optimizer,
    with_package_level_names,
)

CLASSES = ("aduni.data", "aduni.methods", "aduni.models")
FUNCTIONS = ("aduni.losses", "aduni.schedules")
SINGLE_TARGETS = (
    "aduni.training.adamw",
    "aduni.training.sgd",
    "aduni.distributed.MonitoredDDPStrategy",
    "pytorch_lightning.Trainer",
)
TRANSFORMS = "albumentations"

KINDS = {
    "method": Method,
    "dataset": ImageData,
    "sampler": Sampler,
    "class_weights": ClassWeights,
    "protocol": Protocol,
    "encoder": Encoder,
    "trainer": Trainer,
}
"""Base class of each group's `_target_`, also for classes of users."""

MAX_VALUES = 100_000
"""Values in a configuration; a run has a few hundred and one for each class."""
MAX_REASON = 300  # characters quoted from an error, since a value may have any length


def read_stored(content: Any, source: Path, trust: Sequence[str]) -> Settings:
    """Return the settings that a run folder or a checkpoint holds.

    Users choose what the command line builds, but a file may come from somebody else. It may
    therefore name only classes of aduni.data, aduni.methods and aduni.models, functions of
    aduni.losses and aduni.schedules, the optimizers, the trainer, its strategy and albumentations'
    transforms. Its logger, which earlier versions stored, is left out.

    Args:
        content: plain values from the file.
        source: path of the file, for errors.
        trust: further packages or modules whose own classes and functions the file may name.

    Raises:
        UserError: if the file names anything else, has an interpolation, or has keys or values
            that this version does not accept.
    """
    try:
        if isinstance(content, dict):
            content = {key: value for key, value in content.items() if key != "logger"}
            content = with_mixing(with_class_weights(content))
        _check_entries(content, source, trust)
        content = with_package_level_names(content)
        content = with_optimizer(content) if isinstance(content, dict) else content
    except RecursionError as error:
        raise UserError(f"{source} holds settings without end; start a new run.") from error
    try:
        settings = Settings.model_validate(content)
        for group in GROUPS:
            check_node(getattr(settings, group), group)
    except ValidationError as error:
        raise _not_accepted(source, complaint(error)) from error
    except UserError as error:
        raise _not_accepted(source, str(error)) from error
    for path, factory in _factories(settings.model_dump(), ""):
        _check_target(factory, path, source, trust)
    for group, kind in KINDS.items():
        node = getattr(settings, group)
        if not _is_kind(node, kind):
            raise UserError(
                f"{source} names no {group} ({group}._target_ is {node.get('_target_')}); use the "
                "version that wrote it, or start a new run."
            )
    return settings


def check_storable(settings: Settings) -> None:
    """Check that later commands will accept the settings of a new run.

    Args:
        settings: settings of the run, from the command line.

    Raises:
        UserError: if they would not, whatever they were told to trust.
    """
    content = settings.model_dump()
    for path, target in _targets(content):
        if not _can_be_trusted(target):
            raise UserError(
                f"{path}={target} could be built by no later command; give a class or function by "
                "the name of the module that defines it."
            )
    for path, key, value in _entries(content, ""):
        if _is_reserved(key):
            raise UserError(f"{path} is an option of Hydra's, which no run stores; remove it.")
        if isinstance(value, str) and "${" in value:
            raise UserError(f"{path}={value} is not stored by a run; write it without ${{.")
        if isinstance(value, float) and not _can_be_written(value, path):
            raise UserError(f"{path}={value} is not stored by a run; give a finite number.")
    for group, kind in KINDS.items():
        node = getattr(settings, group)
        if not _is_kind(node, kind):
            remedy = "give a class that is derived from it"
            if group == "encoder":
                remedy = "give yours as encoder.name=package.module.factory"
            raise UserError(
                f"{group}._target_={node.get('_target_')} is no {kind.__module__}."
                f"{kind.__qualname__}, as later commands need it; {remedy}."
            )


def needed_trust(settings: Settings) -> list[str]:
    """Return the modules that later commands must be told to trust, to read these settings."""
    targets = {package_level_name(name) for _, name in _targets(settings.model_dump())}
    return sorted({name.rpartition(".")[0] for name in targets if not _is_allowed(name, ())})


def _targets(content: Node) -> Iterator[tuple[str, str]]:
    """Yield (full key, name) of all that is built."""
    yield from ((path, str(name)) for path, key, name in _entries(content, "") if key == "_target_")
    yield from _factories(content, "")


def _can_be_written(value: float, path: str) -> bool:
    """Reject NaN, which a resume could not compare, and infinities that metrics.json would hold."""
    return not math.isnan(value) and (math.isfinite(value) or not path.startswith("alpha."))


def _can_be_trusted(target: str) -> bool:
    """Tell whether a `trust` would allow a target; a missing one is reported when it is built."""
    try:
        get_object(target)
    except Exception:
        return True
    return _is_allowed(target, [target.partition(".")[0]])


def _check_entries(content: Any, source: Path, trust: Sequence[str]) -> None:
    for number, (path, key, value) in enumerate(_entries(content, "")):
        if number == MAX_VALUES:
            raise RecursionError  # as for lists that contain themselves
        if key == "_target_":
            _check_target(value, path, source, trust)
        elif _is_reserved(key):
            raise UserError(f"{source} has {path}, which no run stores; remove it.")
        elif isinstance(value, str) and "${" in value:
            # Resolving it could leak a secret from the environment into a log.
            raise UserError(f"{source} has {path}={value}; write the value itself.")


def _is_reserved(key: Any) -> bool:
    """Tell whether a key is an instruction to Hydra other than the two that runs store."""
    return isinstance(key, str) and key.startswith("_") and key not in ("_target_", "_partial_")


def _not_accepted(source: Path, problem: str) -> UserError:
    reason = " ".join(problem.split(";")[0].rstrip(".").split())[:MAX_REASON]
    return UserError(
        f"{source} holds settings that this version does not take ({reason}); use the version that "
        "wrote them, or start a new run."
    )


def _is_kind(node: Node, kind: type) -> bool:
    target = get_object(node["_target_"]) if "_target_" in node else None
    return inspect.isclass(target) and issubclass(target, kind)


def _check_target(target: Any, path: str, source: Path, trust: Sequence[str]) -> None:
    if isinstance(target, str) and _is_allowed(package_level_name(target), trust):
        return
    module = str(target).rpartition(".")[0]
    is_name = isinstance(target, str) and re.fullmatch(r"\w+(\.\w+)*", module)
    remedy = "use a file that does not"
    if is_name and may_be_trusted(module):
        remedy = f"if you trust it, add trust=[{module}]"
    raise UserError(
        f"{source} names {target} for {path}, which is not a part of this package that a stored "
        f"configuration may start; {remedy}."
    )


def _is_allowed(target: str, trust: Sequence[str]) -> bool:
    """Tell whether a file may name a target, without importing any other package to find out."""
    if target in SINGLE_TARGETS:
        return True
    packages = (*CLASSES, *FUNCTIONS, *trust, TRANSFORMS)
    package = next((name for name in packages if target.startswith(f"{name}.")), None)
    if package is None:
        return False
    try:
        value = get_object(target)
    except (ImportError, ValueError, TypeError):
        return False
    if package == TRANSFORMS:
        return inspect.isclass(value) and issubclass(value, A.BasicTransform | A.BaseCompose)
    # Imports are attributes too: aduni.data.cache.image_cache.os.system belongs to another module.
    home = f"{getattr(value, '__module__', '')}."
    is_class, is_function = inspect.isclass(value), inspect.isfunction(value)
    kind = {**dict.fromkeys(CLASSES, is_class), **dict.fromkeys(FUNCTIONS, is_function)}
    return home.startswith(f"{package}.") and kind.get(package, is_class or is_function)


def _factories(node: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield (full key, name) of the callables that encoders at any depth would call."""
    for key, value in items_of(node):
        yield from _factories(value, f"{path}.{key}" if path else str(key))
    name = node.get("name") if isinstance(node, dict) else None
    if isinstance(name, str) and is_factory(name) and _is_kind(node, Encoder):
        yield f"{path}.name", name


def _entries(node: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield (full key, key, value) of everything in mappings and lists, at any depth."""
    for key, value in items_of(node):
        full = f"{path}.{key}" if path else str(key)
        yield full, key, value
        yield from _entries(value, full)
