"""Short forms on the command lines: `data=` of several commands, words and lists of others."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from aduni.errors import UserError, did_you_mean
from aduni.system.program import CONF

LIST_KEYS = ("tables", "datasets", "columns", "gpus")
ALIASES = {"status": "action=status"}
KEY_ALIASES = {"launcher": "hydra/launcher", "dataset": "datasets"}
"""Hydra reserves `dataset` for the group of that name."""

DATA_COMMANDS = ("train", "fit", "prepare", "audit", "shortcuts", "evaluate")
"""Commands that take `data=`; that of reproduce.py is a list of keys."""

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
    """Translate `data=` and plain lists for Hydra; raise as `data_arguments` does."""
    return [_hydra_argument(a) if a.startswith("gpus=") else a for a in data_arguments(args)]


def data_arguments(args: Sequence[str]) -> list[str]:
    """Translate `data=` for Hydra: a folder, a table, or the name of a data set.

    Raises:
        UserError: if `data=` names none of these, or if images are named twice.
    """
    words = [arg for arg in args if _is_data(arg)]
    if len(words) > 1:
        raise UserError(f"{words[0]} and {words[1]} both name the images; give one of them.")
    found: list[str] = []
    for arg in args:
        if not _is_data(arg):
            found.append(arg)
        elif (value := arg.partition("=")[2].strip("\"'")) not in ("", "null"):
            chosen = dataset_overrides(value)
            check_named_once(arg, chosen, [other for other in args if other != arg])
            found += chosen
    return found


def _is_data(arg: str) -> bool:
    return arg.lstrip("+").startswith("data=")


def check_named_once(word: str, chosen: Iterable[str], others: Iterable[str]) -> None:
    """Raise UserError if other overrides set what `data=` has chosen.

    Args:
        word: `data=` as it was given.
        chosen: overrides that it stands for.
        others: further overrides.
    """
    keys = {override.partition("=")[0] for override in chosen}
    for other in others:
        if other.lstrip("+").partition("=")[0] in keys & {"dataset", "dataset.root", "dataset.csv"}:
            raise UserError(f"{word} and {other} both name the images; give one of them.")


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
        f"data={data} is neither a folder, a file nor a data set{did_you_mean(data, names)}; give "
        "a folder with a folder of images for each class, a table with a row for each image, or "
        f"one of {', '.join(names)}."
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
