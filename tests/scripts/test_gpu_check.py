"""scripts/gpu_check.py on the CPU: parts that fail or hang cost themselves alone."""

import ast
import json
import runpy
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from aduni.data.augmentation.gpu.augment import FUSED

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "gpu_check.py"
HANGS = """
import subprocess, sys, time
print("before it hangs", flush=True)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(600)
"""


@pytest.fixture(scope="module")
def script():
    return SimpleNamespace(**runpy.run_path(str(SCRIPT)))


@pytest.fixture
def check(script, tmp_path, capsys):
    """Runs Python code in place of the parts: (status, content of the JSON, the Markdown)."""

    def call(codes, seconds=60.0, limit=20.0):
        parts = [
            script.Part(name, [sys.executable, "-c", code, str(tmp_path / "pid")], limit)
            for name, code in codes.items()
        ]
        status = script.check(parts, tmp_path, seconds, "cpu")
        content = json.loads((tmp_path / "gpu_check.json").read_text())
        return status, content, (tmp_path / "gpu_check.md").read_text()

    return call


def test_a_part_that_fails_costs_itself_alone(check):
    codes = {"first": "raise SystemExit('no driver [here]')", "second": "print('fine')"}
    status, content, text = check(codes)

    assert status == 1
    assert [part["ended"] for part in content] == ["failed with status 1", "done"]
    assert "| first | failed with status 1 |" in text
    assert "no driver [here]" in text


def test_a_part_that_hangs_is_ended_with_what_it_started(check, tmp_path):
    status, content, text = check({"first": HANGS, "second": "pass"}, limit=5.0)

    assert status == 1
    assert [part["ended"] for part in content] == ["did not end within 5 s", "done"]
    assert "before it hangs" in text
    child = Path("/proc") / (tmp_path / "pid").read_text() / "stat"
    assert not child.exists() or child.read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_parts_after_the_time_are_said_not_to_have_begun(check):
    _, content, text = check({"first": "pass", "second": "pass"}, seconds=0.0)

    assert {part["ended"] for part in content} == {"not begun, the time was over"}
    assert "| second | not begun, the time was over | 0 |" in text


def test_a_part_that_cannot_begin_costs_itself_alone(script, tmp_path):
    missing = script.Part("first", [str(tmp_path / "missing")], 20.0)
    works = script.Part("second", [sys.executable, "-c", "pass"], 20.0)

    assert script.check([missing, works], tmp_path, 60.0, "cpu") == 1
    assert missing.ended.startswith("could not begin: ")
    assert works.ended == "done"


def test_nothing_is_left_of_the_parts_scratch(check, tmp_path):
    check({"first": "import tempfile; tempfile.mkdtemp()"})

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "first.log",
        "gpu_check.json",
        "gpu_check.md",
    ]


def test_parts_share_what_is_compiled_and_leave_nothing_of_it(check, monkeypatch):
    for name in (names := ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")):
        monkeypatch.delenv(name, raising=False)
    code = f"import os; raise SystemExit([os.environ[name] for name in {names}])"
    _, content, _ = check({"first": code, "second": code})

    first, second = (part["lines"][1] for part in content)
    assert first == second
    compiled, triton = ast.literal_eval(first)
    assert Path(triton).is_relative_to(compiled)
    assert not Path(compiled).exists()


@pytest.mark.parametrize("broken", ["psutil", "torch"])
def test_the_environment_is_told_though_a_package_is_broken(script, tmp_path, monkeypatch, broken):
    (tmp_path / f"{broken}.py").write_text("raise ImportError('no | shared object')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    words = ["--device", "cpu", "--parts", "environment", "--output", str(tmp_path)]

    assert script.main(words) == 1
    section = json.loads((tmp_path / "gpu_check.json").read_text())[0]["section"]
    assert section["fault 1"] == "ImportError: no | shared object"
    assert {"nvidia-smi", "/dev/shm"} <= section.keys()
    assert ("CUDA, cuDNN, NCCL of PyTorch" in section) == (broken == "psutil")
    assert (
        "| fault 1 | ImportError: no / shared object |" in (tmp_path / "gpu_check.md").read_text()
    )


@pytest.mark.parametrize("has_failed", [False, True])
def test_rows_of_unfused_views_say_so(monkeypatch, has_failed):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    kernels = import_module("gpu_check_parts.kernels")
    size = import_module("gpu_check_parts.size").Size("cpu", 8, 2)
    monkeypatch.setattr(FUSED, "has_failed", has_failed)
    rows = [kernels._row(what, "-", int, size) for what in ("augmentation", "loss")]

    assert [row["what"] for row in rows] == [
        "augmentation, unfused" if has_failed else "augmentation",
        "loss",
    ]
    text = kernels.report(kernels.Section("Kernels", rows))["markdown"]
    assert ("torch.compile failed" in text) == has_failed


@pytest.mark.parametrize(
    ("printed", "counts"),
    [
        (
            "tests/gpu/test_a.py::test_b[x] PASSED [ 50%]\ntests/gpu/test_a.py::test_c FAILED",
            {"PASSED": 1, "FAILED": 1, "ERROR": 0, "SKIPPED": 0},
        ),
        (
            "[gw0] [ 10%] PASSED tests/gpu/test_a.py::test_b\n"
            "[gw1] [ 20%] SKIPPED tests/gpu/test_a.py::test_c\n"
            "[gw1] [ 30%] ERROR tests/gpu/test_a.py::test_d\n"
            "ERROR tests/gpu/test_a.py::test_d - RuntimeError",
            {"PASSED": 1, "FAILED": 0, "ERROR": 1, "SKIPPED": 1},
        ),
    ],
    ids=["one process", "several"],
)
def test_tests_are_counted(script, printed, counts):
    part = script.Part("tests", [], 1.0)
    script._count_tests(part, printed)

    assert part.section["counts"] == counts
    assert len(part.lines) == 1 + counts["FAILED"] + counts["ERROR"]


def test_tests_of_which_none_has_passed_have_failed(script):
    part = script.Part("tests", [], 1.0, ended="done")
    script._count_tests(part, "tests/gpu/test_a.py::test_b SKIPPED (PyTorch finds no GPU)")

    assert part.ended == "failed: no test has passed"


@pytest.mark.slow
def test_the_whole_check_on_the_cpu(script, tmp_path):
    words = ["--device", "cpu", "--size", "32", "--batch", "8", "--output", str(tmp_path)]
    status = script.main([*words, "--tests", "optimizers or nearest and 16", "--minutes", "20"])

    text = (tmp_path / "gpu_check.md").read_text()
    content = {part["name"]: part for part in json.loads((tmp_path / "gpu_check.json").read_text())}
    assert [*content] == ["environment", "tests", "kernels", "whole_steps", "training"]
    assert {part["ended"] for part in content.values()} == {"done"}, text
    assert status == 0
    assert content["tests"]["section"]["counts"]["PASSED"] >= 3
    pieces = [row["what"] for row in content["kernels"]["section"]["rows"]]
    assert pieces[:3] == ["augmentation", "normalising", "loss"]
    assert pieces[3:] == 2 * ["bare step", "step", "whole step"]
    assert "aten::" in (tmp_path / "gpu_profile.txt").read_text()
    assert content["training"]["section"]["figures"]["step_gpu"]["count"] == 1
    for title in ("Environment", "tests", "Kernels", "Profile of 2 whole steps", "Step efficiency"):
        assert f"## {title}" in text


def test_a_gpu_that_is_not_there_is_a_sentence(script, tmp_path):
    assert script.main(["--parts", "environment", "--output", str(tmp_path)]) == 1

    text = (tmp_path / "gpu_check.md").read_text()
    assert "| environment | failed with status 1 |" in text
    assert "finds no GPU" in text
