"""Start a command: answer mistakes on its command line, import it, and call its Hydra main."""

import sys
from importlib import import_module

from aduni.cli.before_imports import answer_first
from aduni.cli.imports import quick_imports
from aduni.cli.streams import protect_streams


def start(command: str, package: str = "aduni.commands") -> None:
    """Run a command on the arguments in `sys.argv`.

    Args:
        command: name of a module with a function `main`, and perhaps `arguments`, which translates
            the command line for Hydra.
        package: package of the module.
    """
    protect_streams()
    with quick_imports():
        answer_first(command, sys.argv[1:])
        module = import_module(f"{package}.{command}")
        from aduni.cli.app import run_command

    def main() -> None:
        if hasattr(module, "arguments"):
            sys.argv[1:] = module.arguments(sys.argv[1:])
        module.main()

    run_command(main)
