"""A quick start: imports that the garbage collector does not slow down."""

import atexit
import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from aduni.cli.before_imports import answer_first
from aduni.cli.streams import keep_streams
from aduni.shortage import shortage


@contextmanager
def quick_imports() -> Iterator[None]:
    """Hold the garbage collector off while torch and its like make their million objects.

    None of these is garbage: looking through them took a quarter of the start. They are left out
    of later collections as well, and given back at the end, when extension modules expect to be
    cleaned up. What needs no such import is answered before them (see `answer_first`). Ctrl-C ends
    the process: extension modules make other errors of an interruption.
    A machine without memory or file handles for the imports is told in one sentence.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # not where a shell has it ignored
        signal.signal(signal.SIGINT, _leave)
    keep_streams()
    gc.disable()
    try:
        answer_first()
        yield
    except Exception as error:
        sentence = shortage(error)
        if sentence is None:
            raise
        print(f"error: {sentence}", file=sys.stderr)
        sys.exit(1)
    finally:
        signal.signal(signal.SIGINT, before)
        gc.freeze()
        gc.enable()
        atexit.register(gc.unfreeze)


def _leave(number: int, frame: FrameType | None) -> None:
    print("error: interrupted before it began; start it again.", file=sys.stderr, flush=True)
    os._exit(128 + number)
