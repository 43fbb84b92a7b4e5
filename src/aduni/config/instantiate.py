"""Check the values of YAML nodes against their constructors' annotations, and build the objects."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_type_hints

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pydantic import (
    ConfigDict,
    TypeAdapter,
    ValidationError,
)
from pydantic.errors import PydanticSchemaGenerationError

from aduni.errors import UnknownOptionError, UserError, complaint, did_you_mean

Node = dict[str, Any]
"""A YAML leaf: a `_target_` and its arguments."""
HANDED_DOWN = frozenset({"protocol", "loading", "encoder", "info", "folder", "config"})
"""Arguments that no YAML can hold: whoever builds the leaf gives them."""
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def build(node: Node, **handed_down: Any) -> Any:
    """The object a YAML leaf describes, with further arguments that no YAML can hold.

    Raises:
        UserError: the constructor refuses a value.
    """
    target = node["_target_"]
    try:
        # Arguments given to `instantiate` would be merged into the configuration, and copied.
        constructor = instantiate(node, _partial_=True, _convert_="all")
    except InstantiationException as error:
        if isinstance(error.__cause__, UserError):
            raise error.__cause__ from None
        raise _refusal(target, error.__cause__) from error
    try:
        return constructor(**handed_down)
    except (ValueError, TypeError, MisconfigurationException) as error:
        if target.startswith("aduni."):  # checked above: this is a fault of ours
            raise
        raise _refusal(target, error) from error


def check_node(node: Any, path: str) -> None:
    """Check and convert the arguments of every `_target_` of this package, at any depth.

    Args:
        node: a YAML leaf, or whatever stands in one.
        path: its full key.

    Raises:
        UserError: unknown or missing argument, wrong type or value out of range.
    """
    for key, value in _items(node):
        check_node(value, f"{path}.{key}")
    if not isinstance(node, dict) or not str(node.get("_target_", "")).startswith("aduni."):
        return
    hints, required = _parameters(get_object(node["_target_"]))
    missing = required - node.keys() - HANDED_DOWN
    if missing and not node.get("_partial_"):
        raise UserError(f"{path}.{min(missing)} is missing; set it.")
    for key, value in node.items():
        if key in ("_target_", "_partial_"):
            continue
        if key not in hints:
            problem = f"is no option of {node['_target_']}{did_you_mean(key, hints)}"
            raise UnknownOptionError(f"{path}.{key}", problem)
        if not _holds_nodes(value):
            node[key] = _checked(value, hints[key], f"{path}.{key}")


def _checked(value: Any, hint: Any, path: str) -> Any:
    """The value as the annotation has it: 2 for 2.0 where a whole number is wanted."""
    config = ConfigDict(arbitrary_types_allowed=True, allow_inf_nan=False)
    try:
        adapter = TypeAdapter(hint, config=config)
    except PydanticSchemaGenerationError:  # a type of somebody else: its constructor checks it
        return value
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise UserError(complaint(error, path=path)) from error


def _parameters(target: Any) -> tuple[dict[str, Any], set[str]]:
    """Keyword arguments of a function, or of a class and its bases.

    Returns:
        Their annotations, and the names of those that have no default.
    """
    functions: list[Callable[..., Any]] = [target]
    if inspect.isclass(target):
        functions = [vars(c)["__init__"] for c in target.__mro__ if "__init__" in vars(c)]
    hints: dict[str, Any] = {}
    required: set[str] = set()
    for function in functions:
        parameters = inspect.signature(function).parameters
        annotations = get_type_hints(function, include_extras=True)
        named = {n: p for n, p in parameters.items() if n != "self" and p.kind not in VARIADIC}
        required |= {n for n, p in named.items() if p.default is p.empty and n not in hints}
        hints |= {name: annotations.get(name, Any) for name in parameters} | hints
        if all(p.kind is not p.VAR_KEYWORD for p in parameters.values()):
            break
    return hints, required


def _items(node: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, Mapping):
        yield from node.items()
    elif isinstance(node, list):
        yield from enumerate(node)


def _holds_nodes(value: Any) -> bool:
    if isinstance(value, Mapping) and "_target_" in value:
        return True
    return any(_holds_nodes(inner) for _, inner in _items(value))


def _refusal(target: str, error: BaseException | None) -> UserError:
    return UserError(f"{target} refuses its configuration: {_first_line(error)}.")


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
