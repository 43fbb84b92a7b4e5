"""Short forms on the command lines of report.py and reproduce.py."""

import re
from collections.abc import Sequence

LIST_KEYS = ("tables", "datasets", "columns", "gpus")
ALIASES = {"status": "action=status"}
KEY_ALIASES = {"launcher": "hydra/launcher", "dataset": "datasets"}
"""Hydra reserves `dataset` for the group of that name."""


def hydra_arguments(args: Sequence[str]) -> list[str]:
    """Translate `status`, `launcher=NAME`, plain lists and `dataset.KEY=VALUE` for Hydra.

    Hydra would read gpus=0,1 as a sweep over two values, and only train.py has keys of a data set:
    here these become the list of overrides `data`.
    """
    data = [arg for arg in args if arg.startswith("dataset.")]
    hydra = [_hydra_argument(ALIASES.get(arg, arg)) for arg in args if arg not in data]
    return [*hydra, f"data=[{','.join(map(_list_element, data))}]"] if data else hydra


def _list_element(text: str) -> str:
    escaped = re.sub(r"(\\*)'", r"\1\1\'", text)
    return f"'{escaped}'"


def _hydra_argument(arg: str) -> str:
    key, is_override, value = arg.partition("=")
    if not is_override:
        return arg
    key = KEY_ALIASES.get(key, key)
    is_list = key in LIST_KEYS and value not in ("", "null") and not value.startswith("[")
    return f"{key}=[{value}]" if is_list else f"{key}={value}"
