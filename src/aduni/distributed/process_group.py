"""Leave the process group of a training: with all ranks after success, alone after a failure."""

import logging
import re

import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import _abort_process_group

log = logging.getLogger(__name__)

NCCL_FAULTS = {
    "Duplicate GPU detected": (
        "Two processes use one GPU; set trainer.devices to the number of GPUs that this machine "
        "has, or correct CUDA_VISIBLE_DEVICES"
    ),
    "/dev/shm|shared memory segment": (
        "NCCL needs more shared memory than /dev/shm has; start the container with --shm-size=1g "
        "or --ipc=host"
    ),
    "out of memory": (
        "The GPU's memory ran out in an exchange between the processes; use a smaller batch_size"
    ),
    "no socket interface|No socket interface|Bootstrap : no": (
        "NCCL finds no network interface; name it by the variable NCCL_SOCKET_IFNAME"
    ),
    "insufficient driver|driver version": (
        "The NVIDIA driver is older than this PyTorch needs; install a newer driver"
    ),
}
"""Pattern of what NCCL says about a fault of the machine -> what it means and the remedy."""

LOST = re.compile(
    r"remote|closed|abort|timed? ?out|timeout|reset by peer|broken pipe", re.IGNORECASE
)
"""What NCCL and gloo say where another rank does not answer any more."""


def leave_process_group() -> None:
    """Wait for all ranks, then leave the group; a single process has nothing to leave.

    Nothing after the training uses collectives: the first rank tests alone, for minutes, in which
    the others could otherwise neither end nor be waited for.
    """
    if dist.is_initialized():
        # Without a device NCCL warns, and may take one that is not this rank's.
        is_nccl = dist.get_backend() == "nccl"
        dist.barrier(device_ids=[torch.cuda.current_device()] if is_nccl else None)
        dist.destroy_process_group()


def abort_process_group() -> None:
    """Leave the group at once, without waiting for collectives that the other ranks never join.

    An error is logged only, as it follows from the one that the process has failed with.
    """
    if not dist.is_initialized():
        return
    try:
        if dist.get_backend() == "nccl":
            _abort_process_group()  # destroy_process_group would wait for what is running
        else:
            dist.destroy_process_group()
    except Exception:
        log.exception("The process group could not be left.")


def describe_fault(error: BaseException, lost: str) -> str | None:
    """Return what is behind an error of a collective, or None for other errors.

    Args:
        error: error that a process raised.
        lost: sentence for a rank that does not answer any more.
    """
    if not isinstance(error, dist.DistError) and "gloo" not in str(error):
        return None
    text = str(error)
    found = (remedy for pattern, remedy in NCCL_FAULTS.items() if re.search(pattern, text))
    remedy = next(found, None)
    if remedy:
        return f"{remedy}."
    if LOST.search(text) or not isinstance(error, dist.DistError):
        return lost
    said = text.strip().splitlines()[-1].rstrip(".")
    return f"The processes cannot exchange values ({said}); correct this, or train on one device."
