"""What is meant for the person at the keyboard."""

import difflib
import logging
import re
import sys
from collections.abc import Iterable

from pydantic import ValidationError


class UserError(Exception):
    """Input that its author can mend: shown as one sentence, without a traceback.

    The message names the file, key or class concerned and says what to do.
    """


class UnknownOptionError(UserError):
    """A key that a constructor does not take.

    Attributes:
        key: in full.
        problem: what is wrong with it, as the rest of a sentence that begins with the key.
    """

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key} {problem}; remove it.")
        self.key = key
        self.problem = problem


def warn(log: logging.Logger, sentence: str) -> None:
    """Say what does not end the command: in the log, and on standard error for who has none."""
    log.warning("%s", sentence)
    print(sentence, file=sys.stderr)


REMEDIES = {
    "int": "; write a whole number",
    "float": "; write a number, with a point before its decimals",
    "bool": "; write true or false",
    "list": "; write {0}=[{1}]",
    "tuple": "; write {0}=[{1}]",
    "string": "; write one text",
    "path": "; write one path",
}
"""What is to be written for a value of another type, by the first word of pydantic's names."""

KINDS = ("_parsing", "_type", "_from_float", "_too_short")
WRITTEN = {"None": "null", "True": "true", "False": "false", "''": ""}
"""Values as the command line has them."""


def is_utf8(name: str) -> bool:
    """Tell whether a name's bytes are UTF-8; those of others stand for themselves in a string."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for a mistyped name, empty where nothing is near."""
    names = list(known)
    same = [name for name in names if name.casefold() == word.casefold()]
    near = same or difflib.get_close_matches(word, names, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def complaint(error: ValidationError, known: Iterable[str] = (), *, path: str = "") -> str:
    """The first thing that is wrong with checked values, as a sentence with key and value.

    Args:
        error: what pydantic found.
        known: keys that exist, for a hint at a mistyped one.
        path: key of the value that was checked, where it was a single one.
    """
    first = error.errors()[0]
    inner = [str(part) for part in first["loc"] if path == "" or isinstance(part, int)]
    key = ".".join([path, *inner] if path else inner)
    if first["type"] == "extra_forbidden":
        return f"{key} is no known key{did_you_mean(key, known)}; remove it."
    if first["type"] == "missing":
        return f"{key} is missing; set it."
    if first["type"] == "value_error":  # a sentence of ours
        return f"{key}={first['input']} {first['ctx']['error']}."
    message = re.sub("^(Input|Value|List|Tuple|String) ", "", first["msg"])
    message = re.sub(", unable to .*| for <class .*", "", message)
    value = WRITTEN.get(repr(first["input"]), first["input"])
    kind = first["type"].partition("_")[0]
    remedy = REMEDIES.get(kind, "") if first["type"].endswith(KINDS) else ""
    return f"{key}={value} is not valid: it {message}{remedy.format(key, value)}."
