"""python src/fit.py, from images to a decided model, killed and called again."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from aduni.results.plan import read_plan, run_folder, state_of

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 600  # seconds for one call on a busy machine

PRESET = """
folds: first
seeds: [0]
frozen_steps: 4000
frozen_sizes: [64]
scales: []
floors:
  class frequencies: [method=dummy]
rows:
  CE, frozen encoder:
    overrides: [method=ce, recipe=frozen, encoder.feature_views=0, sampler=none, epochs=8]
  Balanced Softmax, frozen encoder:
    overrides:
      [method=balanced_softmax, recipe=frozen, encoder.feature_views=0, sampler=none, epochs=8]
"""
COLOURS = {"blue": (60, 60, 200), "green": (60, 200, 60), "red": (200, 60, 60)}
SIZES = {"blue": 80, "green": 45, "red": 25}


@pytest.fixture
def images(tmp_path) -> Path:
    """150 pictures of three colours, a class each, in class folders."""
    rng = np.random.default_rng(0)
    root = tmp_path / "my images"
    for name, colour in COLOURS.items():
        (root / name).mkdir(parents=True)
        for number in range(SIZES[name]):
            noise = rng.integers(-50, 50, (40, 40, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).resize((80, 80)).save(root / name / f"{number:03d}.png")
    return root


@pytest.fixture
def start(tmp_path, cache):
    """Return a function that starts fit.py with a small preset as a process of its own."""
    presets = tmp_path / "conf" / "preset"
    presets.mkdir(parents=True)
    (presets / "tiny.yaml").write_text(PRESET)

    def call(*words: str) -> subprocess.Popen[str]:
        fixed = ["preset=tiny", f"hydra.searchpath=[file://{tmp_path / 'conf'}]"]
        return subprocess.Popen(
            [sys.executable, str(ROOT / "src" / "fit.py"), *fixed, *words],
            cwd=ROOT,
            env={**os.environ, "ADUNI_CACHE": str(cache), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return call


def _end(process: "subprocess.Popen[str]", status: int = 0) -> tuple[str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == status, out + err
    return out, err


def _states(out: Path) -> dict[str, str]:
    plan = read_plan(out)
    return {run.folder: state_of(run_folder(out, run)) for run in plan.runs} if plan else {}


@pytest.mark.slow
def test_a_folder_of_images_leads_to_a_model_that_classifies(images, start, tmp_path, cache):
    out = tmp_path / "a result, x=1"
    words = [f"data={images}", "max_time=00:00:20:00", f"output='{out}'"]
    printed, _ = _end(start(*words))

    *_, found, page, steps, purpose, command = printed.splitlines()
    assert re.match(r"Use .+\. On \d+ test images, .* it has macro F1 \d\.\d+ \(", found)
    assert page == f"Page: {out / 'index.html'}"
    assert steps == f"Next steps: {out / 'NEXT_STEPS.md'}"
    assert purpose == "Classify new images:"
    assert f"    {command.strip()}\n" in (out / "NEXT_STEPS.md").read_text()
    assert "order of the classes not declared: taken to have no order" in printed
    plan = yaml.safe_load((out / "plan.yaml").read_text())
    assert plan["data"]["classes"] == SIZES
    assert plan["data"]["ordinal"] is False
    assert plan["speed"]["read"] > 0
    assert plan["speed"]["forward"]["64"] > 0
    decision = json.loads((out / "choice.json").read_text())
    assert decision["chosen"] in decision["validation"]
    page = (out / "index.html").read_text()
    assert f"Use {decision['chosen']}." in page
    headings = ("How good it is", "What was tried", "What was found", "for whom this model is not")
    for heading in headings:
        assert heading in page
    assert re.findall(r'(?:src|href)="(?:https?:)?//', page) == []
    links = re.findall(r'href="([^"#:]+)"', page)
    assert [link for link in links if not (out / link).exists()] == []

    steps = (out / "NEXT_STEPS.md").read_text()
    table = tmp_path / "new.csv"
    for name in ("predict", "explain", "evaluate"):
        (line,) = (line for line in steps.splitlines() if f"{name}.py" in line)
        command = line.strip().replace("images=DIR", shlex.quote(f"images='{images / 'red'}'"))
        command = command.replace("output=predictions.csv", shlex.quote(f"output='{table}'"))
        finished = subprocess.run(
            [sys.executable, *shlex.split(command)[1:]], cwd=ROOT, capture_output=True, text=True
        )
        assert finished.returncode == 0, finished.stderr
    predicted = pd.read_csv(table)
    assert len(predicted) == SIZES["red"]
    assert (predicted["predicted"] == "red").mean() > 0.9

    times = {file: file.stat().st_mtime_ns for file in out.glob("runs/*/metrics.json")}
    assert len(times) == 3
    _end(start(*words))
    assert {file: file.stat().st_mtime_ns for file in times} == times
    _, error = _end(start(*words, "target=accuracy"), status=1)
    assert "another target" in error


@pytest.mark.exhaustive
def test_a_killed_fit_goes_on(images, start, tmp_path):
    out = tmp_path / "result"
    words = [f"data={images}", "max_time=00:00:20:00", f"output={out}"]
    process = start(*words)
    deadline = time.monotonic() + PATIENCE
    while "done" not in _states(out).values():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    for group in _groups_below(out):  # the jobs have process groups of their own
        os.kill(group, signal.SIGKILL)
    done = [name for name, state in _states(out).items() if state == "done"]
    kept = {name: (out / "runs" / name / "metrics.json").stat().st_mtime_ns for name in done}
    used = json.loads((out / "clock.json").read_text())["seconds"]
    assert used > 0
    assert not (out / "index.html").exists()

    _end(start(*words))
    assert set(_states(out).values()) == {"done"}
    for name, changed in kept.items():
        assert (out / "runs" / name / "metrics.json").stat().st_mtime_ns == changed
    assert json.loads((out / "clock.json").read_text())["seconds"] > used
    assert (out / "index.html").exists()


def _groups_below(out: Path) -> list[int]:
    """Processes whose command line names the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(out).encode() in line and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


@pytest.mark.slow
def test_when_the_time_is_over_what_is_finished_decides(images, start, tmp_path):
    out = tmp_path / "result"
    plain = [f"data={images}", f"output={out}"]
    process = start(*plain, "max_time=00:00:20:00")
    deadline = time.monotonic() + PATIENCE
    while list(_states(out).values()).count("done") < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGTERM)
    process.communicate()
    (out / "clock.json").write_text('{"seconds": 1195.0}')  # 5 s are left, of which none trains
    _end(start(*plain, "max_time=00:00:20:00"))
    decision = json.loads((out / "choice.json").read_text())
    assert list(decision["unfinished"].values()) == ["the time was over"]
    assert "not finished: the time was over" in (out / "index.html").read_text()


def test_a_leak_of_a_given_split_stops_it(images, command, tmp_path, monkeypatch):
    lines = ["image,label,split"]
    for number, file in enumerate(sorted(images.rglob("*.png"))):
        lines.append(f"{file},{file.parent.name},{('train', 'train', 'test')[number % 3]}")
    copy = images / "copy.png"
    Image.open(images / "red" / "000.png").save(copy)
    (first,) = (line for line in lines if line.startswith(str(images / "red" / "000.png")))
    lines.append(f"{copy},red,{'test' if first.endswith('train') else 'train'}")
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(lines) + "\n")
    words = (f"data={table}", "dataset.split_column=split", f"output={tmp_path / 'out'}")
    finished = command("fit", *words)
    assert finished.status == 1
    assert "2 images" in finished.err
    assert "dataset.split=cleaned" in finished.err
    assert not (tmp_path / "out" / "plan.yaml").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "data is missing"),
        (("data=nowhere",), "neither a folder, a file nor a data set"),
        (("data=digits", "target=f1"), "decide by (did you mean macro_f1?); choose from accuracy,"),
        (("data=digits", "image_siz=32"), "did you mean dataset.image_size?"),
        (("data=digits", "target=quadratic_kappa"), "needs classes in an order"),
        (("data=digits", "dataset=aptos"), "both name the images"),
        (("data=digits", "max_time=30"), "write a unit, as 30m, 2h or 1h30m, or write DD:HH:MM:SS"),
        (("data=digits", "max_time=1m9s"), "max_time=00:00:01:09 is too short"),
        (("data=digits", "max_time=00:00:01:09"), "7 trainings take 70 s for their start alone"),
        (("data=digits", "epochs=3"), "epochs is not a key of fit.py"),
    ],
)
def test_mistakes_are_answered(command, words, said):
    finished = command("fit", *words)
    assert finished.status == 1
    assert said in finished.err
