"""Settings that come from a file: only what runs of this package consist of is built from them."""

import inspect
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any

import albumentations as A
from hydra.utils import get_object
from pydantic import ValidationError
from pytorch_lightning import Trainer

from aduni.config.instantiate import Node, check_node
from aduni.config.schema import GROUPS, Settings
from aduni.data.loading.samplers import Sampler
from aduni.data.module import ImageDataModule
from aduni.data.splits.protocol import Protocol
from aduni.errors import UserError, complaint
from aduni.methods.base import Method
from aduni.models.encoder import Encoder
from aduni.results.addresses import package_level_name, with_package_level_names

CLASSES = ("aduni.data", "aduni.methods", "aduni.models")
FUNCTIONS = ("aduni.losses", "aduni.schedules")
SINGLE = (
    "aduni.training.WandbRunLogger",
    "aduni.distributed.MonitoredDDPStrategy",
    "pytorch_lightning.Trainer",
)
TRANSFORMS = "albumentations"

INSTALLERS = ("distutils", "pip", "pkg_resources", "setuptools", "wheel")

KINDS = {
    "method": Method,
    "dataset": ImageDataModule,
    "sampler": Sampler,
    "protocol": Protocol,
    "encoder": Encoder,
    "trainer": Trainer,
    "logger": object,
}
"""What a group's `_target_` is, whoever wrote it."""

ENCODERS = (
    "take a backbone of torchvision with encoder.name=, or build yours in a method of your own"
)
KIND = "give a class that is derived from it"

MOST = 100_000
"""Values in a configuration; a run has some hundreds, and one for every class."""
LONGEST = 300  # letters of a fault: a value may be of any length


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
        UserError: it names anything else, has an interpolation, or is not of this version: a key,
            a value's type or range.
    """
    try:
        _check_entries(content, source, trust)
        content = with_package_level_names(content)
    except RecursionError as error:
        raise UserError(f"{source} holds settings without end; start a new run.") from error
    try:
        settings = Settings.model_validate(content)
        for group in GROUPS:
            check_node(getattr(settings, group), group)
    except ValidationError as error:
        raise _not_taken(source, complaint(error)) from error
    except UserError as error:
        raise _not_taken(source, str(error)) from error
    for group, kind in KINDS.items():
        if settings.logger or group != "logger":
            _check_kind(getattr(settings, group), group, kind, source)
    return settings


def check_storable(settings: Settings) -> None:
    """Check that later commands can build again what a run is about to build.

    Args:
        settings: of the run, from the command line.

    Raises:
        UserError: they could not, whatever they were told to trust.
    """
    for path, key, value in _entries(settings.model_dump(), ""):
        if key == "_target_" and not _can_be_trusted(str(value)):
            raise UserError(
                f"{path}={value} could be built by no later command; give a class or function by "
                "the name of the module that defines it."
            )
        if _is_reserved(key):
            raise UserError(f"{path} is an option of Hydra's, which no run stores; remove it.")
        if isinstance(value, str) and "${" in value:
            raise UserError(f"{path}={value} is not stored by a run; write it without ${{.")
        if isinstance(value, float) and not _can_be_written(value, path):
            raise UserError(f"{path}={value} is not stored by a run; give a finite number.")
    for group, kind in KINDS.items():
        node = getattr(settings, group)
        if node and not _is_kind(node, kind):
            raise UserError(
                f"{group}._target_={node.get('_target_')} is no {kind.__module__}."
                f"{kind.__qualname__}, as later commands need it; "
                f"{ENCODERS if group == 'encoder' else KIND}."
            )


def _can_be_written(value: float, path: str) -> bool:
    """NaN is not equal to what a resume would compare it with; alpha is in metrics.json too."""
    return not math.isnan(value) and (math.isfinite(value) or not path.startswith("alpha."))


def _can_be_trusted(target: str) -> bool:
    """Whether `trust` may name what defines it; what is not there has an error of its own."""
    try:
        get_object(target)
    except Exception:
        return True
    return _is_allowed(target, [target.partition(".")[0]])


def _check_entries(content: Any, source: Path, trust: Sequence[str]) -> None:
    for number, (path, key, value) in enumerate(_entries(content, "")):
        if number == MOST:
            raise RecursionError  # as lists that hold themselves do
        if key == "_target_":
            _check_target(value, path, source, trust)
        elif _is_reserved(key):
            raise UserError(f"{source} has {path}, which no run stores; remove it.")
        elif isinstance(value, str) and "${" in value:
            # Resolved, it could carry a secret of the environment into a log.
            raise UserError(f"{source} has {path}={value}; write the value itself.")


def _is_reserved(key: Any) -> bool:
    """Whether a key is an order to Hydra, of which runs store two."""
    return isinstance(key, str) and key.startswith("_") and key not in ("_target_", "_partial_")


def _not_taken(source: Path, problem: str) -> UserError:
    fault = " ".join(problem.split(";")[0].rstrip(".").split())[:LONGEST]
    return UserError(
        f"{source} holds settings that this version does not take ({fault}); use the version that "
        "wrote them, or start a new run."
    )


def _check_kind(node: Node, group: str, kind: type, source: Path) -> None:
    """Raise UserError where a group names no class, or one of another group."""
    if not _is_kind(node, kind):
        raise UserError(
            f"{source} names no {group} ({group}._target_ is {node.get('_target_')}); use the "
            "version that wrote it, or start a new run."
        )


def _is_kind(node: Node, kind: type) -> bool:
    found = get_object(node["_target_"]) if "_target_" in node else None
    return inspect.isclass(found) and issubclass(found, kind)


def _check_target(target: Any, path: str, source: Path, trust: Sequence[str]) -> None:
    if isinstance(target, str) and _is_allowed(package_level_name(target), trust):
        return
    module = str(target).rpartition(".")[0]
    own = (
        isinstance(target, str) and re.fullmatch(r"\w+(\.\w+)*", module) and _may_be_trusted(module)
    )
    remedy = f"if you trust it, add trust=[{module}]" if own else "use a file that does not"
    raise UserError(
        f"{source} names {target} for {path}, which is no part of this package that a stored "
        f"configuration may start; {remedy}."
    )


def _may_be_trusted(module: str) -> bool:
    """Whether a user can have written a module, or installed it for a model of theirs.

    What Python and this package bring, no model is made of: trusting it would only give way to a
    file that means harm.
    """
    package = module.partition(".")[0]
    if package in sys.stdlib_module_names or package in INSTALLERS or package.startswith("_"):
        return False
    found = packages_distributions().get(package, [])
    return package != "aduni" and not {*map(_plain_name, found)} & _required()


def _required() -> set[str]:
    """Names of the distributions that this package brings, directly or through others."""
    found: set[str] = set()
    waiting = ["aduni"]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        try:
            needs = requires(name) or []
        except PackageNotFoundError:  # for another system, or of an extra that is not there
            continue
        needs = [need for need in needs if name == "aduni" or "extra ==" not in need]
        waiting += [_plain_name(re.split(r"[^\w.-]", need)[0]) for need in needs]
    return found


def _plain_name(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


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
    # What a module imports is within its reach: aduni.data.cache.image_cache.os.system is not ours.
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
