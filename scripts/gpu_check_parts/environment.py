"""The machine: GPU, driver, versions, shared memory."""

import os
import shutil
import subprocess
from pathlib import Path

import torch

from benchmarks.part import Row, Section
from benchmarks.results import measured_on
from gpu_check_parts.size import Size

GIB = 2**30
QUERY = "name,driver_version,memory.total,memory.used,compute_mode,pcie.link.gen.current"


def measure(size: Size, folder: Path) -> Section:
    """Return what a fault may come from.

    Raises:
        RuntimeError: PyTorch finds no GPU; the message has what nvidia-smi says.
    """
    origin = measured_on()
    versions = ", ".join(f"{name} {number}" for name, number in origin["versions"].items())
    found: dict[str, str] = {
        "date": origin["date"],
        "commit": str(origin["git_commit"]),
        "processor": f"{origin['processor']}, {origin['cores']} cores, load {origin['load']}",
        "versions": versions,
        "CUDA, cuDNN, NCCL of PyTorch": f"{torch.version.cuda}, {_cudnn()}, {_nccl()}",
        "nvidia-smi": _nvidia_smi(),
        "/dev/shm": _shared_memory(),
        "variables": _variables(),
    }
    if size.device.type == "cuda":
        found |= _gpus()
    rows: list[Row] = [{"what": what, "value": value} for what, value in found.items()]
    return Section("Environment", rows)


def _gpus() -> dict[str, str]:
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


def _cudnn() -> str:
    return str(torch.backends.cudnn.version())  # type: ignore[no-untyped-call]


def _nccl() -> str:
    if not torch.cuda.is_available():
        return "not asked"
    return ".".join(map(str, torch.cuda.nccl.version()))  # type: ignore[no-untyped-call]


def _nvidia_smi() -> str:
    command = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
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
