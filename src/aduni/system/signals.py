"""Ctrl-C and the signals of a time limit: the job is left at once, within a time that is known.

Whatever is on the disk is whole at any moment, so nothing has to be finished first.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# Under SLURM, SIGUSR1 makes Lightning write a checkpoint amid an epoch, which cannot go on exactly.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
GRACE = 15.0  # seconds; SLURM leaves 30 between SIGTERM and SIGKILL

_received: list[int] = []
_handlers: list[int] = []


@contextmanager
def interruptible(last_words: Callable[[int], None]) -> Iterator[None]:
    """The first signal raises KeyboardInterrupt in the block; the process ends within seconds.

    Where the block does not end, because its thread waits in an operation that no signal
    interrupts, the process is left from another thread, with the conventional status.

    Args:
        last_words: called there with the signal's number, before.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    before: dict[int, Any] = {number: signal.getsignal(number) for number in SIGNALS}
    _received.clear()
    # nohup and shells' background jobs ignore some.
    _handlers[:] = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]
    install_signal_handlers()
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    earlier = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    over = threading.Event()
    arguments = (ours, over, last_words)
    watch = threading.Thread(target=_watch, args=arguments, daemon=True, name="stopping")
    watch.start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(earlier)
        theirs.shutdown(socket.SHUT_RDWR)  # forked loaders hold copies of it
        theirs.close()
        watch.join()
        ours.close()
        for number in _handlers:
            signal.signal(number, before[number])
        _handlers.clear()


def install_signal_handlers() -> None:
    """Handle the signals here, whoever has taken them since the block began."""
    for number in _handlers:
        signal.signal(number, _stop)


def received_signal() -> int | None:
    """The signal that has stopped the block, of which an error may be a mere consequence."""
    return _received[0] if _received else None


def _stop(number: int, frame: FrameType | None) -> None:
    """Only the first one: what then is under way must not be interrupted."""
    if not _received:
        _received.append(number)
        raise KeyboardInterrupt


def _watch(
    signals: socket.socket, over: threading.Event, last_words: Callable[[int], None]
) -> None:
    """Python tells this thread of a signal where the main one cannot be interrupted."""
    while numbers := signals.recv(1):
        number = numbers[0]
        if number in _handlers and not over.wait(GRACE):
            last_words(number)
            os._exit(128 + number)


def _hold() -> None:
    """A signal that came just after a fork would be taken for one to this process, too."""
    if _handlers:
        signal.pthread_sigmask(signal.SIG_BLOCK, _handlers)


def _release() -> None:
    if _handlers:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _handlers)


def _forget() -> None:
    """In a forked process, such as a loader's worker: its signals are not this job's."""
    if _handlers:
        signal.set_wakeup_fd(-1)
        for number in _handlers:
            of_python = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if of_python else signal.SIG_DFL)
        _release()
        _handlers.clear()


os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_forget)
