"""A release is complete only with its version everywhere, whole archives and nothing left over."""

import tomllib
from zipfile import ZipFile

import pytest

from scripts.release_check import COMPONENTS, ROOT, check_archives, check_page, check_texts

CHANGELOG = "# Changelog\n\n## Unreleased\n\n## 1.2.0 (3 May 2027)\n\n- A line.\n"
CITATION = "version: 1.2.0"
WHEEL = "aduni-1.2.0-py3-none-any.whl"
INSIDE = ("aduni/conf/train.yaml", "aduni/page.j2", "aduni-1.2.0.dist-info/licenses/LICENSE")
TRACKED = ["conf/train.yaml", "src/aduni/page.j2", "src/aduni/batch.py", "docs/method.md"]


@pytest.fixture
def dist(tmp_path):
    """The files of a complete release."""
    for name in ("aduni-1.2.0.tar.gz", COMPONENTS):
        (tmp_path / name).touch()
    with ZipFile(tmp_path / WHEEL, "w") as archive:
        for name in INSIDE:
            archive.writestr(name, "")
    return tmp_path


def test_a_complete_release_has_no_faults(dist):
    assert check_texts("1.2.0", CHANGELOG, CITATION) == []
    assert check_archives("1.2.0", dist, TRACKED) == []


@pytest.mark.parametrize(
    ("changelog", "citation", "fault"),
    [
        (CHANGELOG.replace("1.2.0 (", "1.1.0 ("), CITATION, "the newest release in CHANGELOG.md"),
        (CHANGELOG.replace(" (3 May 2027)", ""), CITATION, "the newest release in CHANGELOG.md"),
        ("# Changelog\n", CITATION, "the newest release in CHANGELOG.md"),
        (
            CHANGELOG.replace("Unreleased\n", "Unreleased\n\n- Another.\n"),
            CITATION,
            "CHANGELOG.md does not begin with an empty",
        ),
        (CHANGELOG, "version: 1.1.0", "CITATION.cff has version 1.1.0"),
    ],
)
def test_texts_of_another_version_are_named(changelog, citation, fault):
    assert check_texts("1.2.0", changelog, citation)[0].startswith(fault)


def test_missing_and_foreign_files_are_named(dist):
    (dist / COMPONENTS).unlink()
    (dist / "aduni-1.1.0.tar.gz").touch()
    assert check_archives("1.2.0", dist, TRACKED) == [
        f"dist/{COMPONENTS} is missing",
        "dist/aduni-1.1.0.tar.gz belongs to no release",
    ]


def test_what_the_wheel_lacks_is_named(dist):
    assert check_archives("1.2.0", dist, [*TRACKED, "conf/method/new.yaml"]) == [
        "the wheel lacks aduni/conf/method/new.yaml"
    ]


def test_the_page_on_citing_has_the_version():
    page = (ROOT / "site" / "citing.md").read_text()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert check_page(version, page) == []
    assert check_page("9.9.9", page)[0].startswith("site/citing.md has version")
