"""Handling of Ctrl-C and of the signals of a time limit: the job ends within a fixed time.

All files are written atomically, so nothing has to be finished first.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# Under SLURM, SIGUSR1 makes Lightning write a checkpoint within an epoch, which cannot be resumed
# exactly.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
GRACE_SECONDS = 15.0  # SLURM leaves 30 seconds between SIGTERM and SIGKILL

_received: list[int] = []
_handlers: list[int] = []


@contextmanager
def interruptible(before_exit: Callable[[int], None]) -> Iterator[None]:
    """Raise KeyboardInterrupt in the block at the first signal, and make sure that it ends.

    If the block has not ended after GRACE_SECONDS, because it waits in an operation that no signal
    interrupts, another thread calls `before_exit` with the signal's number and exits the process
    with the conventional status.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can handle signals
        return
    previous: dict[int, Any] = {number: signal.getsignal(number) for number in SIGNALS}
    _received.clear()
    # Signals that nohup or a shell's background job ignores stay ignored.
    _handlers[:] = [number for number in SIGNALS if previous[number] is not signal.SIG_IGN]
    install_signal_handlers()
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    previous_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    finished = threading.Event()
    arguments = (reader, finished, before_exit)
    watcher = threading.Thread(target=_force_exit, args=arguments, daemon=True, name="signals")
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        signal.set_wakeup_fd(previous_fd)
        writer.shutdown(socket.SHUT_RDWR)  # closing is not enough: forked loaders hold copies
        writer.close()
        watcher.join()
        reader.close()
        for number in _handlers:
            signal.signal(number, previous[number])
        _handlers.clear()


def install_signal_handlers() -> None:
    """Install the handlers of the current block again, in case a library has replaced them."""
    for number in _handlers:
        signal.signal(number, _raise_interrupt)


def received_signal() -> int | None:
    """Return the signal that interrupted the block, which may have caused a later error."""
    return _received[0] if _received else None


def _raise_interrupt(number: int, frame: FrameType | None) -> None:
    if not _received:  # further signals must not interrupt the cleaning up
        _received.append(number)
        raise KeyboardInterrupt


def _force_exit(
    signals: socket.socket, finished: threading.Event, before_exit: Callable[[int], None]
) -> None:
    """Exit after the grace period; signals reach this thread even if the main one hangs."""
    while numbers := signals.recv(1):
        number = numbers[0]
        if number in _handlers and not finished.wait(GRACE_SECONDS):
            before_exit(number)
            os._exit(128 + number)


def _block_signals() -> None:
    """Block signals during a fork, as the child shares the wake-up socket until it is reset."""
    if _handlers:
        signal.pthread_sigmask(signal.SIG_BLOCK, _handlers)


def _unblock_signals() -> None:
    if _handlers:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _handlers)


def _reset_in_child() -> None:
    """Restore the default handlers in a forked process, such as a loader's worker."""
    if _handlers:
        signal.set_wakeup_fd(-1)
        for number in _handlers:
            is_interrupt = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if is_interrupt else signal.SIG_DFL)
        _unblock_signals()
        _handlers.clear()


os.register_at_fork(
    before=_block_signals, after_in_parent=_unblock_signals, after_in_child=_reset_in_child
)
