"""Turn annotations, docstrings and values into the text of docs/configuration.md."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml
from hydra.utils import get_object
from pydantic import BaseModel

from aduni.config.one_or_more import OneOrMore
from aduni.data.shard import Shard

MAX_VALUE_LENGTH = 70
ONE_OR_MORE = get_args(OneOrMore)[1]

KINDS = {
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    str: "text",
    Path: "path",
    Shard: "`i/n`",
}


def of_model(name: str | None) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the annotations and descriptions of a pydantic model's fields."""
    if name is None:
        return {}, {}
    model: type[BaseModel] = get_object(name)
    fields = model.model_fields.items()
    hints = {key: Annotated[info.annotation, None, *info.metadata] for key, info in fields}
    return hints, _described(model)


def of_constructor(target: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the annotations and descriptions of constructor arguments, base classes included."""
    if not target.startswith("aduni."):
        return {}, {}
    constructor = get_object(target)
    owners = [constructor]
    if inspect.isclass(constructor):
        owners = [c for c in reversed(constructor.__mro__) if c.__module__.startswith("aduni.")]
    hints: dict[str, Any] = {}
    words: dict[str, str] = {}
    for owner in owners:
        function: Callable[..., Any] = owner.__init__ if inspect.isclass(owner) else owner
        hints |= get_type_hints(function, include_extras=True)
        words |= _described(owner)
    return hints, words


def _described(owner: Any) -> dict[str, str]:
    """Return the entries of a docstring's Args or Attributes section."""
    text = inspect.cleandoc(owner.__doc__ or "")
    section = re.search(r"^(?:Args|Attributes):\n((?:    .*\n?|\n)+)", text, re.MULTILINE)
    entries = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", section[1] if section else "", re.M)
    return {name: " ".join(words.split()) for name, words in entries}


def summary_of(target: str) -> str:
    """Return the first line of a constructor's docstring."""
    if not target.startswith("aduni."):
        return f"Arguments of `{target}`" if target else ""
    return inspect.cleandoc(get_object(target).__doc__ or "").splitlines()[0]


def values_of(hint: Any) -> str:
    """Describe an annotation: PositiveInt | None is "whole number > 0, or `null`"."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint in KINDS:
        return KINDS[hint]
    if origin is Literal:
        return ", ".join(f"`{format_value(value)}`" for value in inner)
    if origin in (Union, UnionType):
        kinds = " or ".join(
            filter(None, (values_of(each) for each in inner if each is not NoneType))
        )
        return f"{kinds}, or `null`" if kinds and NoneType in inner else kinds
    if origin is Annotated:
        kind = values_of(inner[0])
        if ONE_OR_MORE in inner[1:]:
            kind = f"{values_of(get_args(inner[0])[0])} or {kind}"
        return _limited(kind, inner[1:])
    if origin is not None and inspect.isclass(origin) and issubclass(origin, Mapping):
        return "mapping"
    if origin is not None and inspect.isclass(origin) and issubclass(origin, Sequence):
        return _list_of(values_of(inner[0]))
    if inspect.isclass(hint) and issubclass(hint, BaseModel):
        return "mapping"
    return ""


def _list_of(kind: str) -> str:
    if not kind:
        return "list"
    plural = re.sub("number|text", lambda word: f"{word[0]}s", kind, count=1)
    return f"list of {plural}"


def _limited(kind: str, metadata: Sequence[Any]) -> str:
    limits = [limit for each in metadata for limit in getattr(each, "metadata", [each])]
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    limited = [(sign, getattr(m, name, None)) for m in limits for name, sign in signs.items()]
    bounds = ", ".join(f"{sign} {bound}" for sign, bound in limited if bound is not None)
    least = next((m.min_length for m in limits if hasattr(m, "min_length")), None)
    if least is not None and "list of" in kind:
        exact = any(hasattr(m, "max_length") for m in limits)
        kind = kind.replace("list of", f"list of {least}") if exact else f"{kind}, not empty"
    return f"{kind} {bounds}" if bounds else kind


def format_value(value: Any) -> str:
    """Format a value as on the command line, and transforms by their class names."""
    if isinstance(value, dict) and set(value) == {"sampler"}:
        return f"sampler={value['sampler']}"
    if (
        isinstance(value, list)
        and value
        and all(isinstance(each, dict) and "_target_" in each for each in value)
    ):
        return ", ".join(str(each["_target_"]).rpartition(".")[2] for each in value)
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False)
    text = text.removesuffix("\n").removesuffix("\n...")
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH]} ..."
