"""Peak memory: of tensors during a call, and of a child process by kind of page."""

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity

from benchmarks.children import child_environment

MIB = 2**20


def peak_bytes(call: Callable[[], Any], device: torch.device) -> int:
    """Most bytes of tensors alive at once during a call, beyond those alive before it.

    On a CPU from the allocator's own events, so that what a kernel allocates for itself is seen.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        call()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    with torch.profiler.profile(
        activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True
    ) as profiler:
        call()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(trace))
        return _peak(json.loads(trace.read_text())["traceEvents"])


def _peak(events: list[dict[str, Any]]) -> int:
    """Sums allocations (positive) and releases (negative) in order of time.

    A release of what was allocated before the profiler looked would make the sum too small.
    """
    changes = [event for event in events if event.get("name") == "[memory]"]
    alive: dict[int, int] = {}
    now = peak = 0
    for event in sorted(changes, key=lambda event: event["args"]["Ev Idx"]):
        address, size = event["args"]["Addr"], event["args"]["Bytes"]
        if size > 0:
            alive[address] = size
            now += size
        else:
            now -= alive.pop(address, 0)
        peak = max(peak, now)
    return peak


@dataclass(frozen=True)
class ProcessPeak:
    """Largest resident memory of a process, MiB.

    Attributes:
        own: anonymous pages: heap, stacks, tensors. None where the system does not tell.
        files: pages of mapped files, which the system takes back when it needs them.
    """

    own: float | None
    files: float | None


def peak_of_child(command: list[str], interval: float = 0.02) -> ProcessPeak:
    """Run a command to its end and watch its memory (Linux: RssAnon and RssFile).

    Raises:
        subprocess.CalledProcessError: it failed; `stderr` has what it printed.
    """
    with tempfile.TemporaryFile("w+") as printed:
        environment = child_environment()
        process = subprocess.Popen(
            command, env=environment, stdout=printed, stderr=subprocess.STDOUT
        )
        own, files = [0.0], [0.0]
        while process.poll() is None:
            seen = _resident(process.pid)
            own.append(seen.get("RssAnon", 0.0))
            files.append(seen.get("RssFile", 0.0))
            time.sleep(interval)
        if process.returncode:
            printed.seek(0)
            raise subprocess.CalledProcessError(
                process.returncode, command, stderr=printed.read()[-2000:]
            )
    return ProcessPeak(max(own) or None, max(files) or None)


def _resident(pid: int) -> dict[str, float]:
    """RssAnon and RssFile in MiB; empty where there is no /proc, or the process has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return {}
    found = re.findall(r"^(RssAnon|RssFile):\s+(\d+) kB$", status, re.MULTILINE)
    return {name: int(kib) / 1024 for name, kib in found}
