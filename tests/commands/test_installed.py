"""The package is installed from its wheel, and works outside of a checkout."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from own_data import blotches

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("src/aduni", "conf", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
BUILD = "from setuptools import build_meta; print(build_meta.build_wheel('dist'))"


def _call(*words: str, cwd: Path, status: int = 0) -> str:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "ADUNI_CACHE")}
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == 0 else done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of this checkout."""
    copy = tmp_path_factory.mktemp("copy")
    for name in SOURCES:
        source, target = ROOT / name, copy / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    printed = _call(sys.executable, "-c", BUILD, cwd=copy)
    return copy / "dist" / printed.splitlines()[-1]


@pytest.fixture(scope="module")
def aduni(wheel, tmp_path_factory) -> Path:
    """The command of an environment in which the wheel is installed; other packages are these."""
    folder = tmp_path_factory.mktemp("environment") / "env"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    sites = Path(
        _call(str(python), "-c", "import site; print(site.getsitepackages()[0])", cwd=ROOT)
    )
    site = Path(str(sites).strip())
    # A line of a .pth file adds a folder, but not that folder's own .pth files: this checkout's.
    (site / "others.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    uv = ["sh", str(ROOT / "scripts" / "uv.sh"), "pip", "install", "--no-deps", "--no-index"]
    _call(*uv, "--python", str(python), str(wheel), cwd=ROOT)
    return folder / "bin" / "aduni"


@pytest.mark.slow
def test_the_wheel_holds_configuration_and_templates(wheel):
    names = _call(sys.executable, "-m", "zipfile", "-l", str(wheel), cwd=ROOT)
    for file in (*ROOT.glob("conf/**/*.yaml"), *ROOT.glob("src/aduni/**/*.j2")):
        inside = file.relative_to(ROOT).as_posix().removeprefix("src/aduni/")
        assert f"aduni/{inside} " in names


@pytest.mark.slow
def test_a_model_is_trained_used_and_reported_outside_of_a_checkout(aduni, tmp_path):
    version = importlib.metadata.version("aduni")
    assert _call(str(aduni), "--version", cwd=tmp_path) == f"AdUni {version}\n"
    where = _call(
        str(aduni.with_name("python")), "-c", "import aduni; print(aduni.__file__)", cwd=tmp_path
    )
    assert where.startswith(str(aduni.parents[1]))
    words = ["method=ce", "dataset=digits", "epochs=1", "trainer=cpu", "num_workers=0"]
    printed = _call(str(aduni), "train", *words, "hydra.run.dir=run", cwd=tmp_path)
    assert "  aduni predict ckpt=" in printed
    assert "src/" not in printed
    assert "command: aduni train method=ce" in (tmp_path / "run" / "train.log").read_text()
    assert "    aduni predict ckpt=RUN" in (tmp_path / "run" / "model_card.md").read_text()
    blotches(0).save(tmp_path / "new.png")
    _call(
        str(aduni), "predict", "ckpt=run", "images=new.png", "output=predictions.csv", cwd=tmp_path
    )
    assert len((tmp_path / "predictions.csv").read_text().splitlines()) == 2
    assert _call(str(aduni), "report", "runs=run", cwd=tmp_path).splitlines()[-1].endswith(".html")


@pytest.mark.slow
def test_jobs_of_a_reproduction_are_started_by_the_installed_package(aduni, tmp_path):
    words = [
        "profile=floors",
        "datasets=[digits]",
        "profile.datasets=[digits]",
        "profile.folds=[0]",
    ]
    _call(str(aduni), "reproduce", *words, "output=out", cwd=tmp_path)
    assert len([*tmp_path.glob("out/runs/*/metrics.json")]) == 3  # digits have no files


@pytest.mark.slow
def test_commands_are_listed_and_mistakes_named(aduni, tmp_path):
    names = {file.stem for file in (ROOT / "src").glob("*.py")} - {"benchmark"}
    listed = _call(str(aduni), cwd=tmp_path)
    assert {line.split()[0] for line in listed.splitlines() if line.startswith("  ")} == names
    assert "did you mean train?" in _call(str(aduni), "trian", cwd=tmp_path, status=1)
    assert "did you mean ce?" in _call(str(aduni), "train", "method=cee", cwd=tmp_path, status=1)
    help_text = _call(str(aduni), "train", "--help", cwd=tmp_path)
    assert "Usage: aduni train [GROUP=OPTION]" in help_text
