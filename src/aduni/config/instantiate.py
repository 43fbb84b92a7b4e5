"""Check YAML nodes against the annotations of their constructors, and build the objects."""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_type_hints

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from aduni.errors import UnknownOptionError, UserError, complaint, did_you_mean

Node = dict[str, Any]
"""A YAML mapping with a `_target_` and its arguments."""
RUNTIME_ARGUMENTS = frozenset({"protocol", "loading", "encoder", "info"})
"""Arguments that no YAML can hold: the caller of `build` passes them."""


def build(node: Node, **arguments: Any) -> Any:
    """Return the object that a YAML node describes, built with further arguments.

    Raises:
        UserError: if the constructor rejects a value.
    """
    target = node["_target_"]
    try:
        # Arguments given to `instantiate` would be merged into the configuration, and copied.
        constructor = instantiate(node, _partial_=True, _convert_="all")
    except InstantiationException as error:
        if isinstance(error.__cause__, UserError):
            raise error.__cause__ from None
        raise _rejection(target, error.__cause__) from error
    if node.get("_partial_"):  # a function whose other arguments its caller passes
        return constructor
    try:
        return constructor(**arguments)
    except Exception as error:
        is_rejection = isinstance(error, (ValueError, TypeError, *_lightning_errors()))
        # Values of this package's classes passed `check_node`: their errors are bugs.
        if not is_rejection or target.startswith("aduni."):
            raise
        raise _rejection(target, error) from error


def _lightning_errors() -> tuple[type[Exception], ...]:
    """Return Lightning's error for a wrong value, if Lightning, which imports torch, is loaded."""
    module = sys.modules.get("lightning_fabric.utilities.exceptions")
    return (module.MisconfigurationException,) if module else ()


def check_node(node: Any, path: str) -> None:
    """Check and convert the arguments of every `_target_` of this package, at any depth.

    Args:
        node: YAML node, or any value inside one.
        path: its full key.

    Raises:
        UserError: if an argument is unknown, missing, of the wrong type or out of range.
    """
    for key, value in items_of(node):
        check_node(value, f"{path}.{key}")
    if not isinstance(node, dict) or not str(node.get("_target_", "")).startswith("aduni."):
        return
    hints, required = _parameters(get_object(node["_target_"]))
    missing = required - node.keys() - RUNTIME_ARGUMENTS
    if missing and not node.get("_partial_"):
        raise UserError(f"{path}.{min(missing)} is missing; set it.")
    for key, value in node.items():
        if key in ("_target_", "_partial_"):
            continue
        if key not in hints:
            problem = f"is not an option of {node['_target_']}{did_you_mean(key, hints)}"
            raise UnknownOptionError(f"{path}.{key}", problem)
        if not _contains_nodes(value):
            node[key] = _convert(value, hints[key], f"{path}.{key}")


def _convert(value: Any, hint: Any, path: str) -> Any:
    """Check a value and convert it to its annotation: 2.0 becomes 2 for an `int`."""
    config = ConfigDict(arbitrary_types_allowed=True, allow_inf_nan=False)
    try:
        adapter = TypeAdapter(hint, config=config)
    except PydanticSchemaGenerationError:  # unknown to pydantic; the constructor checks it
        return value
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise UserError(complaint(error, path=path)) from error


def _parameters(target: Any) -> tuple[dict[str, Any], set[str]]:
    """Return the annotations of a callable's arguments, and those arguments without a default.

    For a class, the arguments that it passes on to its bases with ** are included.
    """
    kinds = inspect.Parameter
    without_key = (kinds.POSITIONAL_ONLY, kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)
    functions: list[Callable[..., Any]] = [target]
    if inspect.isclass(target):
        functions = [vars(c)["__init__"] for c in target.__mro__ if "__init__" in vars(c)]
    hints: dict[str, Any] = {}
    required: set[str] = set()
    for function in functions:
        parameters = inspect.signature(function).parameters
        annotations = get_type_hints(function, include_extras=True)
        named = {n: p for n, p in parameters.items() if n != "self" and p.kind not in without_key}
        required |= {n for n, p in named.items() if p.default is p.empty and n not in hints}
        hints |= {name: annotations.get(name, Any) for name in named} | hints
        if all(p.kind is not p.VAR_KEYWORD for p in parameters.values()):
            break
    return hints, required


def items_of(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the (key, value) pairs of a mapping or sequence, and nothing for other values."""
    if isinstance(node, Mapping):
        yield from node.items()
    elif isinstance(node, list | tuple):
        yield from enumerate(node)


def _contains_nodes(value: Any) -> bool:
    if isinstance(value, Mapping) and "_target_" in value:
        return True
    return any(_contains_nodes(inner) for _, inner in items_of(value))


def _rejection(target: str, error: BaseException | None) -> UserError:
    lines = str(error).strip().splitlines()
    reason = lines[0].rstrip(".") if lines else type(error).__name__
    return UserError(f"{target} refuses its configuration: {reason}.")
