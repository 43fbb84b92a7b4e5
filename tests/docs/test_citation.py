"""CITATION.cff names the version and the licence that pyproject.toml has, and who wrote what."""

import tomllib

import pytest
import yaml


@pytest.fixture
def citation(root) -> dict:
    content: dict = yaml.safe_load((root / "CITATION.cff").read_text())
    return content


@pytest.fixture
def project(root) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


def test_it_has_what_the_format_requires(citation):
    assert citation["cff-version"] == "1.2.0"
    for key in ("message", "title", "authors"):
        assert citation[key]
    assert citation["type"] == "software"
    for key in ("type", "title", "authors"):
        assert citation["preferred-citation"][key]


def test_version_and_licence_are_the_projects(citation, project):
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]


def test_authors_are_entities_or_persons(citation):
    for author in [*citation["authors"], *citation["preferred-citation"]["authors"]]:
        assert set(author) in ({"name"}, {"given-names", "family-names"})


def test_the_paper_and_the_project_are_told_apart(citation):
    assert citation["authors"] == [{"name": "The AdUni developers"}]
    paper = citation["preferred-citation"]
    assert [author["family-names"] for author in paper["authors"]] == [
        *("Cong", "Yang", "Liu", "Pagnucco", "Di Ieva", "Berkovsky", "Song")
    ]
    assert (paper["year"], "doi" in paper) == (2022, False)
