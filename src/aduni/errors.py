"""Errors that the user can fix, and helpers that word them."""

import difflib
import logging
import re
import sys
from collections.abc import Iterable

from pydantic import ValidationError


class UserError(Exception):
    """Error that the user can fix, shown as one sentence without a traceback.

    The message names the file, key or class concerned and says what to do.
    """


class UnknownOptionError(UserError):
    """Error for a key that a constructor does not accept.

    Attributes:
        key: full key, with dots.
        problem: fault of the key, as the rest of a sentence that begins with it.
    """

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key} {problem}; remove it.")
        self.key = key
        self.problem = problem


def missing_extra(what: str, packages: str, extra: str) -> UserError:
    """Return the error for a setting that needs packages of an extra that is not installed."""
    return UserError(
        f"{what} needs {packages}; add the extra with pip install 'aduni[{extra}]', or run make "
        "setup in a checkout."
    )


def warn(log: logging.Logger, sentence: str) -> None:
    """Write a warning to the log and, as a command may have no log, to standard error."""
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
"""Advice for a value of a wrong type, by the first word of pydantic's error type."""

REMEDY_SUFFIXES = ("_parsing", "_type", "_from_float", "_too_short")
"""Endings of pydantic's error types for which there is advice."""
YAML_SPELLINGS = {"None": "null", "True": "true", "False": "false", "''": ""}


def is_utf8(name: str) -> bool:
    """Return whether a name's bytes are UTF-8; Python represents others by surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint for a mistyped name, empty if no known name is similar."""
    names = list(known)
    same = [name for name in names if name.casefold() == word.casefold()]
    matches = same or difflib.get_close_matches(word, names, n=1)
    return f" (did you mean {matches[0]}?)" if matches else ""


def complaint(error: ValidationError, known: Iterable[str] = (), *, path: str = "") -> str:
    """Word the first error of a validation as a sentence with key and value.

    Args:
        known: keys that exist, to suggest one for a mistyped key.
        path: key of the value, if a single value was validated.
    """
    first = error.errors()[0]
    inner = [str(part) for part in first["loc"] if path == "" or isinstance(part, int)]
    key = ".".join([path, *inner] if path else inner)
    if first["type"] == "extra_forbidden":
        return f"{key} is not a known key{did_you_mean(key, known)}; remove it."
    if first["type"] == "missing":
        return f"{key} is missing; set it."
    if first["type"] == "value_error":  # the message of one of this project's validators
        return f"{key}={first['input']} {first['ctx']['error']}."
    message = re.sub("^(Input|Value|List|Tuple|String) ", "", first["msg"])
    message = re.sub(", unable to .*| for <class .*", "", message)
    value = YAML_SPELLINGS.get(repr(first["input"]), first["input"])
    kind = first["type"].partition("_")[0]
    remedy = REMEDIES.get(kind, "") if first["type"].endswith(REMEDY_SUFFIXES) else ""
    return f"{key}={value} is not valid: it {message}{remedy.format(key, value)}."
