"""Speed up the start of a command, whose imports take seconds."""

import atexit
import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from aduni.cli.banner import print_banner
from aduni.shortage import shortage
from aduni.system.program import as_called


@contextmanager
def slow_imports() -> Iterator[None]:
    """Print what starts, and run imports of seconds; names on the command line are right by now."""
    print_banner()
    with quick_imports():
        yield


@contextmanager
def quick_imports() -> Iterator[None]:
    """Disable the garbage collector while imports run.

    The imports create a million objects, none of which is garbage: collecting them took a
    quarter of the start. They are frozen, so later collections skip them too, and unfrozen at exit,
    where extension modules expect to be cleaned up. Ctrl-C ends the process at once where nothing
    else handles it, since extension modules turn an interrupted import into other errors. If memory
    or file handles run out, or a package is missing, the process exits with one sentence.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # a shell may have SIGINT ignored
        signal.signal(signal.SIGINT, _exit_at_once)
    gc.disable()
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("aduni"):
            raise
        package = error.name.partition(".")[0]
        remedy = "install the packages with make setup, and start with .venv/bin/python"
        sys.exit(f"error: The package {package} is missing; {remedy}.")
    except Exception as error:
        sentence = shortage(error)
        if sentence is None:
            raise
        print(f"error: {as_called(sentence)}", file=sys.stderr)
        sys.exit(1)
    finally:
        signal.signal(signal.SIGINT, before)
        gc.freeze()
        gc.enable()
        atexit.register(gc.unfreeze)


def _exit_at_once(number: int, frame: FrameType | None) -> None:
    print("error: interrupted before it began; start it again.", file=sys.stderr, flush=True)
    os._exit(128 + number)
