"""All ranks leave the group together, or one at once; faults of NCCL have their sentence."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from aduni.distributed import process_group, strategy
from aduni.distributed.process_group import (
    abort_process_group,
    describe_fault,
    leave_process_group,
)
from aduni.errors import UserError

SRC = Path(__file__).resolve().parents[2] / "src"
LOST = "Another process was lost."
NCCL = "NCCL error in: ProcessGroupNCCL.cpp:1691, {}, NCCL version 2.30.7\n{}\nLast error:\n{}"
"""What torch says of an error of NCCL: kind, NCCL's own explanation, the last error."""

FAULTS = {
    "shared memory": (
        "unhandled system error",
        "ncclSystemError: System call (e.g. socket, malloc) or external library call failed.",
        "Error while creating shared memory segment /dev/shm/nccl-Vb6wUv (size 9637888)",
        "--shm-size=1g",
    ),
    "one GPU twice": (
        "invalid usage",
        "ncclInvalidUsage: This usually reflects invalid usage of NCCL library.",
        "Duplicate GPU detected : rank 1 and rank 0 both on CUDA device 50000",
        "Two processes use one GPU",
    ),
    "memory": (
        "unhandled cuda error",
        "ncclUnhandledCudaError: Call to CUDA function failed.",
        "Cuda failure 2 'out of memory'",
        "smaller batch_size",
    ),
    "network": (
        "internal error",
        "ncclInternalError: Internal check failed.",
        "Bootstrap : no socket interface found",
        "NCCL_SOCKET_IFNAME",
    ),
    "driver": (
        "unhandled cuda error",
        "ncclUnhandledCudaError: Call to CUDA function failed.",
        "Cuda failure 35 'CUDA driver version is insufficient for CUDA runtime version'",
        "install a newer driver",
    ),
    "a fault without a remedy of its own": (
        "unhandled cuda error",
        "ncclUnhandledCudaError: Call to CUDA function failed.",
        "Cuda failure 802 'system not yet initialized'",
        "(Cuda failure 802 'system not yet initialized')",
    ),
    "a lost rank": (
        "remote process exited or there was a network error",
        "ncclRemoteError: A call failed possibly due to a network error or a remote process "
        "exiting prematurely.",
        "socketProgress: Connection closed by remote peer node1<51234>",
        LOST,
    ),
}


@pytest.mark.parametrize("words", FAULTS.values(), ids=FAULTS)
def test_a_fault_that_nccl_reports_is_told_from_a_lost_rank(words):
    *said, expected = words
    sentence = describe_fault(dist.DistBackendError(NCCL.format(*said)), LOST)

    assert expected in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_other_errors_are_no_faults_of_the_group():
    assert describe_fault(ValueError("out of memory in /dev/shm"), LOST) is None
    assert describe_fault(RuntimeError("[gloo/transport/tcp/pair.cc] Connection closed"), LOST) == (
        LOST
    )


@pytest.fixture
def group(monkeypatch):
    """A process group of one backend; returns what is called on it."""
    calls = []

    def begin(backend: str) -> list[str]:
        monkeypatch.setattr(dist, "is_initialized", lambda: True)
        monkeypatch.setattr(dist, "get_backend", lambda: backend)
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
        monkeypatch.setattr(dist, "barrier", lambda device_ids: calls.append(device_ids))
        monkeypatch.setattr(dist, "destroy_process_group", lambda: calls.append("destroy"))
        monkeypatch.setattr(process_group, "_abort_process_group", lambda: calls.append("abort"))
        return calls

    return begin


@pytest.mark.parametrize(("backend", "expected"), [("nccl", "abort"), ("gloo", "destroy")])
def test_after_a_failure_nothing_waits_for_other_ranks(group, backend, expected):
    calls = group(backend)
    abort_process_group()

    assert calls == [expected]


@pytest.mark.parametrize(("backend", "devices"), [("nccl", [3]), ("gloo", None)])
def test_after_success_all_ranks_leave_together(group, backend, devices):
    calls = group(backend)
    leave_process_group()

    assert calls == [devices, "destroy"]


def test_the_group_is_aborted_before_other_processes_are_ended(group, monkeypatch):
    calls = group("nccl")

    class Monitor:
        def end(self, grace_seconds):
            calls.append("end")

    monkeypatch.setattr(strategy, "_watchdogs", [Monitor()])
    with pytest.raises(UserError, match="no more"), strategy.end_all_processes():
        raise UserError("no more.")

    assert calls == ["abort", "end"]


def test_a_group_that_cannot_be_aborted_does_not_hide_the_first_error(group, monkeypatch, caplog):
    def fail():
        raise RuntimeError("device-side assert")

    group("nccl")
    monkeypatch.setattr(process_group, "_abort_process_group", fail)
    with pytest.raises(UserError, match="the first"), strategy.end_all_processes():
        raise UserError("the first.")

    assert "device-side assert" in caplog.text
    assert not strategy._timers  # it does not hang


HANGING = r"""
import logging, os, sys, time
import torch.distributed as dist
from aduni.distributed import process_group, strategy

class Monitor:
    def kill(self):
        print("killed", flush=True)

def train():
    strategy._Launcher._fail(type("Launcher", (), {"folder": "run"}), error)

def train_in_another():
    os.environ[strategy.PARENT_PID_VARIABLE] = "1"
    train()

def test():
    with strategy.end_all_processes():
        raise error

logging.basicConfig(stream=sys.stdout, format="logged: %(message)s", level=logging.ERROR)
strategy.ABORT_SECONDS, strategy.EXIT_GRACE_SECONDS = 0.5, 0.1
dist.is_initialized, dist.get_backend = lambda: True, lambda: "nccl"
process_group._abort_process_group = lambda: time.sleep(300)
strategy._watchdogs.append(Monitor())
error = RuntimeError("Out of\nmemory.")
for work in (train, train_in_another, test):
    if os.fork() == 0:
        work()
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""
REASON = "Out of memory (the process hung after this error)."


@pytest.mark.slow
def test_a_process_that_hangs_after_a_failure_ends():
    finished = subprocess.run(
        [sys.executable, "-c", HANGING],
        env={"PYTHONPATH": str(SRC)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )

    first = ["killed", f"logged: {REASON}", f"error: {REASON}", "1"]
    another = ["killed", f"logged: {REASON}", "1"]
    assert finished.stdout.splitlines() == [*first, *another, *first]
