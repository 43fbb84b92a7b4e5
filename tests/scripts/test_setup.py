"""The files that set a machine up agree with each other, and fail in plain words."""

import os
import re
import shutil
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = (ROOT / "pyproject.toml").read_text()
PROJECT: dict[str, Any] = tomllib.loads(PYPROJECT)["project"]
LOCK = (ROOT / "requirements.lock").read_text()
REQUIREMENTS = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
# One entry per pin: the line that names it, with the hash lines that follow.
PINS = re.findall(r"^([\w.-]+)==([^\s;]+)(.*(?:\n    --hash=.*)*)", LOCK, re.MULTILINE)


def test_conda_environment_has_a_supported_python_and_the_locked_packages():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]

    version = next(d for d in conda if d.startswith("python=")).removeprefix("python=")
    assert version in SpecifierSet(PROJECT["requires-python"])
    assert pip == {"pip": ["-r requirements.lock"]}


@pytest.mark.parametrize("line", REQUIREMENTS)
def test_the_lock_satisfies_each_dependency(line):
    requirement = Requirement(line)
    name = canonicalize_name(requirement.name)

    versions = [version for pin, version, _ in PINS if canonicalize_name(pin) == name]
    assert versions
    assert all(version in requirement.specifier for version in versions)


def test_every_pin_has_a_hash_and_the_lock_names_no_address():
    lines = [line for line in LOCK.splitlines() if not line.startswith((" ", "#"))]
    assert len(PINS) == len(lines) > len(REQUIREMENTS)
    assert all("--hash=sha256:" in rest for _, _, rest in PINS)
    assert "://" not in LOCK


@pytest.mark.parametrize("line", REQUIREMENTS)
def test_each_dependency_has_a_reason(line):
    assert re.search(rf'^    "{re.escape(line)}", *# \w', PYPROJECT, re.MULTILINE)


def test_ci_runs_every_check():
    # With -n in MAKEFLAGS, make prints its commands and runs none.
    environment = {**os.environ, "MAKEFLAGS": "n"}
    ci = subprocess.run(
        ["bash", ROOT / ".ci" / "run"], env=environment, capture_output=True, text=True, check=True
    )
    for check in (
        "ruff check",
        "ruff format --check",
        "mypy",
        "-m 'not slow and not gpu'",
        "-m 'slow and not exhaustive'",
    ):
        assert check in ci.stdout.replace('"', "'")


FAKE_PYTHON = """#!/bin/sh
# Answers like the Python of this version, which has neither venv nor pip.
test "$1" = -c && echo "{version} $0"
"""


@pytest.fixture
def bare_machine(tmp_path):
    """A folder with the set-up's files, and a function that runs `make setup` there.

    PATH has no Python but the one that the function is told to make, and no uv.
    """
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("sh", "rm"):
        (commands / name).symlink_to(shutil.which(name))
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "scripts/uv.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)

    def setup(version=None):
        if version:
            python = commands / "python3"
            python.write_text(FAKE_PYTHON.format(version=version))
            python.chmod(0o755)
        return subprocess.run(
            [shutil.which("make"), "setup"],
            cwd=tmp_path,
            env={"PATH": str(commands)},
            capture_output=True,
            text=True,
        )

    return setup


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("3.8", r"needs Python 3\.11, 3\.12 or 3\.13, but found python3 \(3\.8\)"),
        (None, r"needs Python 3\.11, 3\.12 or 3\.13, but found none that runs"),
        ("3.11", r"uv is not on PATH, and \S+/bin/python3 could not install it"),
    ],
)
def test_setup_that_cannot_work_says_why_in_one_sentence(bare_machine, tmp_path, version, reason):
    make = bare_machine(version)

    assert make.returncode != 0
    sentence, *rest = make.stderr.splitlines()
    assert re.search(reason, sentence)
    assert all(line.startswith("make") for line in rest)
    assert not (tmp_path / ".venv").exists()


def test_albumentations_is_the_last_mit_release_without_its_successor():
    assert metadata.version("albumentations") == "2.0.8"
    for name in ("albumentationsx", "opencv-python"):
        with pytest.raises(metadata.PackageNotFoundError):
            metadata.version(name)
