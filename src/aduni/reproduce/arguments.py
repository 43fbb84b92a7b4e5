"""The short forms of reproduce.py's command line."""

from collections.abc import Sequence

LISTS = ("tables", "datasets", "columns", "gpus")
WORDS = {"status": "action=status"}
KEYS = {"launcher": "hydra/launcher", "dataset": "datasets"}
"""Hydra keeps `dataset` for the group of that name."""


def hydra_arguments(words: Sequence[str]) -> list[str]:
    """Words as Hydra has them: `status`, `launcher=NAME`, and lists without brackets.

    Hydra takes gpus=0,1 for a sweep over two values.
    """
    return [_hydra_word(WORDS.get(word, word)) for word in words]


def _hydra_word(word: str) -> str:
    key, is_override, value = word.partition("=")
    if not is_override:
        return word
    key = KEYS.get(key, key)
    listed = key in LISTS and value not in ("", "null") and not value.startswith("[")
    return f"{key}=[{value}]" if listed else f"{key}={value}"
