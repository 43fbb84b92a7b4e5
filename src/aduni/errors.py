"""What is meant for the person at the keyboard."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Input that its author can mend: shown as one sentence, without a traceback.

    The message names the file, key or class concerned and says what to do.
    """


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for a mistyped name, empty where nothing is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
