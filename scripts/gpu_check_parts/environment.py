"""The machine: GPU, driver, versions, shared memory. Only what is there is imported."""

import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gpu_check_parts.size import Size

GIB = 2**30
QUERY = "name,driver_version,memory.total,memory.used,compute_mode,pcie.link.gen.current"


def measure(size: Size, folder: Path) -> dict[str, Any]:
    """Return what a fault may come from; what cannot be asked is a fault, and the rest remains."""
    questions: list[Callable[[], dict[str, str]]] = [_machine, _project, _libraries]
    if size.device == "cuda":
        questions.append(_gpus)
    found: dict[str, str] = {}
    faults: list[str] = []
    for ask in questions:
        try:
            found |= ask()
        except Exception as error:  # of a package or a driver, of any type
            faults.append(f"{type(error).__name__}: {error}")
            found[f"fault {len(faults)}"] = faults[-1]
    shown = {what: " ".join(value.split()).replace("|", "/") for what, value in found.items()}
    rows = [f"| {what} | {value} |" for what, value in shown.items()]
    lines = ["## Environment", "", "| what | value |", "| --- | --- |", *rows]
    return {"section": found, "markdown": "\n".join(lines), "faults": faults}


def _machine() -> dict[str, str]:
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "system": f"{platform.platform()}, Python {platform.python_version()}",
        "nvidia-smi": _nvidia_smi(),
        "/dev/shm": _shared_memory(),
        "variables": _variables(),
    }


def _project() -> dict[str, str]:
    from benchmarks.results import measured_on

    origin = measured_on()
    return {
        "commit": str(origin["git_commit"]),
        "processor": f"{origin['processor']}, {origin['cores']} cores, load {origin['load']}",
        "versions": ", ".join(f"{name} {number}" for name, number in origin["versions"].items()),
    }


def _libraries() -> dict[str, str]:
    import torch

    cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    nccl = "not asked"
    if torch.cuda.is_available():
        nccl = ".".join(map(str, torch.cuda.nccl.version()))  # type: ignore[no-untyped-call]
    return {"CUDA, cuDNN, NCCL of PyTorch": f"{torch.version.cuda}, {cudnn}, {nccl}"}


def _gpus() -> dict[str, str]:
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError(
            f"PyTorch {torch.__version__} finds no GPU; its CUDA is {torch.version.cuda}, and "
            f"nvidia-smi says: {_nvidia_smi()}"
        )
    found = {}
    for number in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(number)
        free, total = torch.cuda.mem_get_info(number)
        found[f"GPU {number}"] = (
            f"{properties.name}, compute capability {properties.major}.{properties.minor}, "
            f"{properties.multi_processor_count} multiprocessors, {free / GIB:.1f} of "
            f"{total / GIB:.1f} GiB free"
        )
    found["bfloat16"] = str(torch.cuda.is_bf16_supported())
    found["a product of matrices"] = str(torch.ones(8, 8, device="cuda").mm(torch.eye(8).cuda())[0])
    return found


def _nvidia_smi() -> str:
    command = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"not available ({type(error).__name__})"
    return "; ".join((told.stdout + told.stderr).strip().splitlines())


def _shared_memory() -> str:
    if not Path("/dev/shm").exists():
        return "missing"
    usage = shutil.disk_usage("/dev/shm")
    return f"{usage.free / GIB:.1f} of {usage.total / GIB:.1f} GiB free"


def _variables() -> str:
    """Return the variables of CUDA, NCCL and PyTorch that are set."""
    beginnings = ("CUDA_", "NCCL_", "TORCH_", "PYTORCH_", "NVIDIA_")
    names = sorted(name for name in os.environ if name.startswith(beginnings))
    return ", ".join(f"{name}={os.environ[name]}" for name in names) or "none"
