"""The short forms of reproduce.py's command line."""

import re
from collections.abc import Sequence

LISTS = ("tables", "datasets", "columns", "gpus")
WORDS = {"status": "action=status"}
KEYS = {"launcher": "hydra/launcher", "dataset": "datasets"}
"""Hydra keeps `dataset` for the group of that name."""


def hydra_arguments(words: Sequence[str]) -> list[str]:
    """Words as Hydra has them, for `status`, `launcher=NAME`, plain lists and a data set's keys.

    Hydra takes gpus=0,1 for a sweep over two values, and knows the keys of a data set in train.py
    alone: here they are a list of overrides.
    """
    own = [word for word in words if word.startswith("dataset.")]
    hydra = [_hydra_word(WORDS.get(word, word)) for word in words if word not in own]
    return [*hydra, f"data=[{','.join(map(_quoted, own))}]"] if own else hydra


def _quoted(word: str) -> str:
    """As an element of a list in Hydra's grammar."""
    escaped = re.sub(r"(\\*)'", r"\1\1\'", word)
    return f"'{escaped}'"


def _hydra_word(word: str) -> str:
    key, is_override, value = word.partition("=")
    if not is_override:
        return word
    key = KEYS.get(key, key)
    listed = key in LISTS and value not in ("", "null") and not value.startswith("[")
    return f"{key}=[{value}]" if listed else f"{key}={value}"
