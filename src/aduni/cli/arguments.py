"""Short forms on the command lines of report.py, reproduce.py and fit.py."""

import re
from collections.abc import Sequence
from pathlib import Path

from aduni.errors import UserError
from aduni.system.program import CONF

LIST_KEYS = ("tables", "datasets", "columns", "gpus")
ALIASES = {"status": "action=status"}
KEY_ALIASES = {"launcher": "hydra/launcher", "dataset": "datasets"}
"""Hydra reserves `dataset` for the group of that name."""

NOT_TEXT = ("null", "true", "false", "nan", "inf")
"""Words that Hydra reads as other values than texts."""


def hydra_arguments(args: Sequence[str]) -> list[str]:
    """Translate `status`, `launcher=NAME`, plain lists and `dataset.KEY=VALUE` for Hydra.

    Hydra would read gpus=0,1 as a sweep over two values, and only train.py has keys of a data set:
    here these become the list of overrides `data`.
    """
    data = [arg for arg in args if arg.startswith("dataset.")]
    hydra = [_hydra_argument(ALIASES.get(arg, arg)) for arg in args if arg not in data]
    return [*hydra, f"data=[{','.join(map(quoted, data))}]"] if data else hydra


def fit_arguments(args: Sequence[str]) -> list[str]:
    """Translate `data=` for Hydra: a folder, a table, or the name of a data set; and plain lists.

    Raises:
        UserError: if `data=` names none of these, or if images are named twice.
    """
    found: list[str] = []
    images = [arg for arg in args if arg.startswith(("data=", "dataset="))]
    if len(images) > 1:
        raise UserError(f"{images[0]} and {images[1]} both name the images; give one of them.")
    for arg in args:
        key, _, value = arg.partition("=")
        if key == "data" and value not in ("", "null"):
            found += dataset_overrides(value.strip("\"'"))
        else:
            found.append(_hydra_argument(arg) if key == "gpus" else arg)
    return found


def dataset_overrides(data: str) -> list[str]:
    """Return the overrides for a folder, a table, or the name of a data set."""
    names = sorted(file.stem for file in (CONF / "dataset").glob("*.yaml"))
    if Path(data).is_dir():
        return ["dataset=folder", f"dataset.root={quoted(data)}"]
    if Path(data).is_file():
        return ["dataset=csv", f"dataset.csv={quoted(data)}"]
    if data in names:
        return [f"dataset={data}"]
    raise UserError(
        f"data={data} is neither a folder, a file nor a data set; give a folder with a folder of "
        f"images for each class, a table with a row for each image, or one of {', '.join(names)}."
    )


def quoted(text: str) -> str:
    """Quote a text for Hydra's grammar unless it is a plain word, so that it stays as it is."""
    if re.fullmatch(r"[A-Za-z_./][\w./-]*", text) and text.lower() not in NOT_TEXT:
        return text
    escaped = re.sub(r"(\\*)'", r"\1\1\'", text)
    return f"'{escaped}'"


def _hydra_argument(arg: str) -> str:
    key, is_override, value = arg.partition("=")
    if not is_override:
        return arg
    key = KEY_ALIASES.get(key, key)
    is_list = key in LIST_KEYS and value not in ("", "null") and not value.startswith("[")
    return f"{key}=[{value}]" if is_list else f"{key}={value}"
