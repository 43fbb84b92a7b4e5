"""Workflows and containers use what the project supports, and agree with each other."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
SUPPORTED = SpecifierSet(
    tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
)
PYTHONS = [f"3.{minor}" for minor in range(9, 20) if f"3.{minor}" in SUPPORTED]


def jobs_of(workflow):
    return yaml.safe_load((ROOT / ".github" / "workflows" / workflow).read_text())["jobs"]


def base_and_files(recipe, base, files):
    """Return the image that a recipe begins with, and the files that it takes in."""
    text = (ROOT / recipe).read_text()
    named = re.findall(files, text, re.MULTILINE)
    return re.findall(base, text, re.MULTILINE), {file for line in named for file in line.split()}


DOCKER = base_and_files("Dockerfile", r"^FROM (\S+)$", r"^COPY (.+) \S+$")
APPTAINER = base_and_files("apptainer.def", r"^From: (\S+)$", r"^    (\S+) /opt/aduni/\S+$")


def test_the_matrix_has_every_supported_python_on_three_systems():
    matrix = jobs_of("matrix.yml")["locked"]["strategy"]["matrix"]
    assert matrix["python"] == PYTHONS
    assert [system.split("-")[0] for system in matrix["os"]] == ["ubuntu", "macos", "windows"]


def test_pull_requests_run_all_checks():
    steps = jobs_of("ci.yml")["checks"]["steps"]
    assert "bash .ci/run" in [step.get("run") for step in steps]


@pytest.mark.parametrize(
    "workflow", sorted(file.name for file in (ROOT / ".github" / "workflows").glob("*.yml"))
)
def test_actions_are_fixed_by_commit_and_keep_no_credentials(workflow):
    for job in jobs_of(workflow).values():
        for step in job["steps"]:
            uses = step.get("uses", "")
            assert not uses or re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", uses)
            if uses.startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False


def test_both_containers_take_the_same_image_and_files():
    assert DOCKER == APPTAINER
    [image], files = DOCKER
    assert re.match(r"python:(3\.\d+)-", image)[1] in PYTHONS
    assert all((ROOT / file).exists() for file in files)


def test_the_builder_is_sent_what_the_container_takes():
    sent = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert set(sent) == DOCKER[1]
