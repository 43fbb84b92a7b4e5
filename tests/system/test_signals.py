"""Test that signals end a job, even if it waits in an operation that they do not interrupt."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from aduni.system.signals import SIGNALS, install_signal_handlers, interruptible, received_signal

PATIENCE = 60  # seconds

STUCK = """
import hashlib, os, signal, threading
import aduni.system.signals
from aduni.system.signals import interruptible

aduni.system.signals.GRACE_SECONDS = 0.5
threading.Timer(0.5, os.kill, (os.getpid(), signal.{name})).start()
with interruptible(lambda number: print("last words", number, flush=True)):
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # minutes, without a look at signals
"""


def _stopped(block) -> bool:
    """Return whether KeyboardInterrupt ended the block."""
    try:
        with interruptible(lambda _: None):
            block()
    except KeyboardInterrupt:
        return True
    return False


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_leaves_the_block(number):
    previous = signal.getsignal(number)

    assert _stopped(lambda: signal.raise_signal(number))
    assert received_signal() == number
    assert signal.getsignal(number) is previous


def test_further_signals_do_not_disturb_the_end(capsys):
    def block():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            print("ended")

    assert _stopped(block)
    assert capsys.readouterr().out == "ended\n"
    assert received_signal() == signal.SIGTERM


def test_who_takes_the_signals_in_the_meantime_gives_them_back():
    def block():
        signal.signal(signal.SIGTERM, lambda *_: None)
        install_signal_handlers()
        signal.raise_signal(signal.SIGTERM)

    assert _stopped(block)


def test_what_was_to_be_ignored_is():
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible(lambda _: None):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, previous)


def test_other_threads_have_no_signals():
    done = []

    def job():
        with interruptible(lambda _: None):
            done.append(True)

    thread = threading.Thread(target=job)
    thread.start()
    thread.join()

    assert done


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_job_that_hangs_is_left_from_outside(name):
    finished = subprocess.run(
        [sys.executable, "-c", STUCK.format(name=name)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    number = signal.Signals[name]

    assert finished.returncode == 128 + number
    assert finished.stdout == f"last words {number.value}\n"


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_process_has_signals_of_its_own():
    assert not _stopped(lambda: None)
    with interruptible(lambda _: None):
        child = os.fork()
        if child == 0:
            signal.pause()
        os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == -signal.SIGTERM
    assert received_signal() is None
