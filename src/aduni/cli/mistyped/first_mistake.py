"""The first mistake of a whole command line."""

from aduni.cli.mistyped.command_line import CommandLine
from aduni.cli.mistyped.contradictions import find_contradiction
from aduni.cli.mistyped.overrides import find_mistake


def first_mistake(line: CommandLine) -> str | None:
    """Return what is wrong with an argument, or else with two together; None if nothing is."""
    mistakes = (find_mistake(line, index) for index in range(len(line.args)))
    return next(filter(None, mistakes), None) or find_contradiction(line)
