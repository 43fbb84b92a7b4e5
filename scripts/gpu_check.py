"""Check and measure the project on a GPU within nine minutes: python scripts/gpu_check.py.

Each part is a process with a time limit, in the order of what would be worst: a part that fails or
hangs costs itself alone. gpu_check.json and gpu_check.md are written after each part. Of the
packages that parts need this file imports none, so that a broken one is reported. What one part has
compiled for the GPU the later ones use.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MINUTES = 9.0
MAX_LINES = 30
"""Lines of what a failed part has printed that the report repeats."""

LIMITS = {"environment": 40, "tests": 250, "kernels": 110, "whole_steps": 60, "training": 120}
"""Parts in their order, and seconds that each may take."""


@dataclass
class Part:
    """A command with its time limit, and how it ended."""

    name: str
    command: list[str]
    limit: float
    ended: str = "not begun"
    seconds: float = 0.0
    lines: list[str] = field(default_factory=list)  # of the report
    section: dict[str, Any] | None = None

    @property
    def succeeded(self) -> bool:
        """Return whether the part did what it should."""
        return self.ended == "done"


def main(words: Sequence[str] | None = None) -> int:
    """Return 0 if all parts have succeeded."""
    options = _options(words)
    if options.child:
        return _measure(options)
    output = options.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    parts = [_part(name, options, output) for name in options.parts]
    return check(parts, output, options.minutes * 60, options.device)


def check(parts: list[Part], output: Path, seconds: float, device: str) -> int:
    """Run the parts one after another, within some seconds, and report after each."""
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="gpu-check-compiled-") as compiled:
        variables = _environment(device, Path(compiled))
        for part in parts:
            _run(part, output, min(part.limit, end - time.monotonic()), variables)
            _write(parts, output)
            print(f"{part.name}: {part.ended}, {part.seconds:.0f} s", flush=True)
    print(f"Report: {output / 'gpu_check.md'}")
    return 0 if all(part.succeeded for part in parts) else 1


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--size", type=int, default=384, help="side of the images, pixels")
    parser.add_argument("--batch", type=int, default=128, help="images of a batch")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of all parts together")
    parser.add_argument("--output", type=Path, default=ROOT / "outputs" / "gpu_check")
    parser.add_argument("--parts", nargs="+", choices=[*LIMITS], default=[*LIMITS])
    parser.add_argument("--tests", default="", help="expression of pytest's -k; default: all")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args(words)


def _part(name: str, options: argparse.Namespace, output: Path) -> Part:
    sizes = ["--device", options.device, "--size", str(options.size), "--batch", str(options.batch)]
    command = [sys.executable, str(Path(__file__).resolve()), *sizes]
    command += ["--output", str(output), "--child", name]
    if name == "tests":
        command = [sys.executable, "-m", "pytest", "-m", "gpu", "-v", "-rfE", "--tb=short"]
        command += [*_workers(), "-k", options.tests, str(ROOT / "tests" / "gpu")]
    return Part(name, command, LIMITS[name])


def _workers() -> list[str]:
    """Return options of pytest-xdist, where it is installed: the tests share the GPU."""
    try:
        import xdist  # noqa: F401
    except ImportError:
        return []
    return ["--numprocesses=logical", "--maxprocesses=4"]


def _run(part: Part, output: Path, limit: float, variables: dict[str, str]) -> None:
    if limit <= 0:
        part.ended = "not begun, the time was over"
        return
    log, result = output / f"{part.name}.log", output / f"{part.name}.json"
    result.unlink(missing_ok=True)
    began = time.monotonic()
    # Removed after the processes have ended, so that a killed part leaves no images behind; not in
    # `output`, since loader processes meet at sockets in it, whose paths must be short.
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as scratch:
        try:
            part.ended = _end_of(part.command, {**variables, "TMPDIR": scratch}, log, limit)
        except OSError as error:
            part.ended = f"could not begin: {error}"
    part.seconds = time.monotonic() - began
    _read(part, log.read_text(errors="replace"), result)


def _end_of(command: list[str], variables: dict[str, str], log: Path, limit: float) -> str:
    """Run a command, end what it leaves, and say how it ended."""
    with log.open("w") as printed:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=variables,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            return f"did not end within {limit:.0f} s"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return "done" if status == 0 else f"failed with status {status}"


def _environment(device: str, compiled: Path) -> dict[str, str]:
    caches = {
        "TORCHINDUCTOR_CACHE_DIR": f"{compiled}",
        "TRITON_CACHE_DIR": f"{compiled / 'triton'}",
    }
    folders = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    given = {"PYTHONPATH": os.pathsep.join(filter(None, folders)), "NO_ALBUMENTATIONS_UPDATE": "1"}
    if device == "cpu":
        given["ADUNI_TEST_DEVICE"] = "cpu"
    return {**caches, **os.environ, **given}


def _read(part: Part, printed: str, result: Path) -> None:
    """Take a part's section, or what its tests and its end say."""
    if part.name == "tests":
        _count_tests(part, printed)
    if result.exists():
        content = json.loads(result.read_text())
        part.section, part.lines = content["section"], content["markdown"].splitlines()
    elif not part.succeeded:
        part.lines += ["```", *printed.splitlines()[-MAX_LINES:], "```"]


def _count_tests(part: Part, printed: str) -> None:
    """List counts and failures, also of tests that were stopped; without a passed test it failed.

    pytest prints `TEST PASSED`, with several processes `PASSED TEST`.
    """
    kinds = r"(PASSED|FAILED|ERROR|SKIPPED)"
    found = {test: kind for kind, test in re.findall(rf"{kinds} (tests/\S+::\S+)", printed)}
    found |= dict(re.findall(rf"(tests/\S+::\S+) {kinds}", printed))
    ends = [*found.values()]
    counts = {kind: ends.count(kind) for kind in ("PASSED", "FAILED", "ERROR", "SKIPPED")}
    part.section = {"counts": counts, "tests": found}
    part.lines = [", ".join(f"{count} {kind.lower()}" for kind, count in counts.items()) + "."]
    bad = sorted(test for test, kind in found.items() if kind in ("FAILED", "ERROR"))
    part.lines += [f"- {found[test]} {test}" for test in bad]
    if part.succeeded and not counts["PASSED"]:
        part.ended = "failed: no test has passed"


def _write(parts: list[Part], output: Path) -> None:
    lines = ["# GPU check", "", "| part | ended | seconds |", "| --- | --- | ---: |"]
    lines += [f"| {part.name} | {part.ended} | {part.seconds:.0f} |" for part in parts]
    for part in parts:
        has_title = part.lines and part.lines[0].startswith("## ")
        lines += ["", *([] if has_title else [f"## {part.name}", ""]), *part.lines]
    _replace(output / "gpu_check.md", "\n".join(lines) + "\n")
    _replace(output / "gpu_check.json", json.dumps([asdict(part) for part in parts], indent=1))


def _replace(file: Path, text: str) -> None:
    """Write whole or not at all: the machine may be taken away at any time."""
    temporary = file.with_suffix(".part")
    temporary.write_text(text)
    temporary.replace(file)


def _measure(options: argparse.Namespace) -> int:
    """Run one part in this process, and leave its section."""
    from importlib import import_module

    from gpu_check_parts.size import Size

    size = Size(options.device, options.size, options.batch)
    part = import_module(f"gpu_check_parts.{options.child}")  # with the packages that it needs
    content = part.measure(size, options.output)
    _replace(options.output / f"{options.child}.json", json.dumps(content))
    return 1 if content.get("faults") else 0


if __name__ == "__main__":
    sys.exit(main())
