"""Read settings that are one value or a list of them."""

from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator

T = TypeVar("T")


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


OneOrMore = Annotated[list[T], BeforeValidator(_as_list)]
"""A list; one value counts as a list of it. Without a value is `OneOrMore[T] | None`."""
