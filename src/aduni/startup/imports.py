"""A quick start: imports that the garbage collector does not slow down."""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

from aduni.startup.first_words import answer_first


@contextmanager
def quick_imports() -> Iterator[None]:
    """Hold the garbage collector off while torch and its like make their million objects.

    None of these is garbage: looking through them took a quarter of the start. They are left out
    of later collections as well, and given back at the end, when extension modules expect to be
    cleaned up. What needs no such import is answered before them (see `answer_first`).
    """
    answer_first()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        atexit.register(gc.unfreeze)
