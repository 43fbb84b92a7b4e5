"""Keys of train.py on the command line of reproduce.py, which sets them in profiles and tables."""

import re

from aduni.cli.mistyped.catalogue import catalogue_of
from aduni.cli.mistyped.command_line import CommandLine
from aduni.cli.mistyped.quoting import quote_for_shell, to_argument

KEYS_OF_ROWS = ("method", "sampler", "alpha")
"""Keys that a table sets for each row, so that no profile can set them for all runs."""


def find_key_of_train(line: CommandLine, name: str, value: str) -> str | None:
    """Tell where reproduce.py sets a key that only train.py has.

    Returns:
        The end of a sentence that begins with the argument, or None if the name is no such key.
    """
    if line.command == "reproduce" and name == "data" and re.match(r"[^[]", value):
        return f" is no list of keys; write {words_for_images(value)}"
    is_own = name.partition(".")[0] == "dataset" or line.catalogue.resolve(name)
    if line.command != "reproduce" or is_own:
        return None
    key = catalogue_of(line.conf, "train").resolve(name)
    if key is None:
        return None
    if key == "data":
        return f" names images by a key of train.py; write {words_for_images(value or 'DIR')}"
    if key in KEYS_OF_ROWS:
        return " is set by the rows of the tables; choose rows by profile.rows and profile.alphas"
    setting = quote_for_shell(f"profile.overrides=['{key}={value or 'VALUE'}']")
    return (
        " sets a key of train.py; add it to overrides in conf/profile/NAME.yaml, or write "
        f"{setting} instead of that list"
    )


def words_for_images(path: str) -> str:
    """Return the arguments of reproduce.py that train.py takes together as `data=`."""
    kind, key = ("csv", "csv") if path.endswith(".csv") else ("folder", "root")
    return f"dataset={kind} {to_argument(f'dataset.{key}', path)}"
