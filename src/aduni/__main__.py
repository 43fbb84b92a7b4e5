"""The console command: `aduni COMMAND ...`, also as `python -m aduni`."""

import ast
import pkgutil
import sys
from pathlib import Path

import aduni.commands
from aduni.cli.banner import version
from aduni.cli.start import start
from aduni.errors import did_you_mean
from aduni.system.program import NAME

HELP = ("-h", "--help", "help")


def main() -> None:
    """Run the command that the first argument names, or list the commands."""
    args = sys.argv[1:]
    names = [module.name for module in pkgutil.iter_modules(aduni.commands.__path__)]
    if args[:1] == ["--version"]:
        print(f"AdUni {version()}")
    elif not args or (args[0] in HELP and len(args) == 1):
        print(_overview(names))
    elif args[0] in HELP:
        _call(args[1], ["--help"], names)
    else:
        _call(args[0], args[1:], names)


def _call(command: str, args: list[str], names: list[str]) -> None:
    """Run a command, or exit with a sentence if there is none of this name."""
    if command not in names:
        hint = did_you_mean(command, [*names, "--version", "--help"])
        sys.exit(f"error: {command} is not a command{hint}; choose one of {', '.join(names)}.")
    # Commands see the arguments that their scripts get.
    sys.argv[:] = [f"{NAME} {command}", *args]
    start(command)


def _overview(names: list[str]) -> str:
    """Return the usage, and each command with the first line of its module."""
    folder = Path(aduni.commands.__path__[0])
    docs = {n: ast.get_docstring(ast.parse((folder / f"{n}.py").read_text())) or "" for n in names}
    lines = [f"  {name.ljust(14)}{text.splitlines()[0]}" for name, text in docs.items()]
    return "\n".join(
        [
            f"Usage: {NAME} COMMAND [GROUP=OPTION] [KEY=VALUE] [FLAG] ...",
            "",
            *lines,
            "",
            f"{NAME} COMMAND --help lists a command's keys, {NAME} --version prints the version.",
        ]
    )


if __name__ == "__main__":
    main()
