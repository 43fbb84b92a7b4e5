"""Every page extends the shared template, and an installed package has all templates."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = sorted((ROOT / "src" / "aduni").rglob("*.j2"))
PAGES = [file for file in TEMPLATES if file.name == "page.html.j2"]


def test_pages_are_found():
    owners = {file.parent.relative_to(ROOT / "src" / "aduni").as_posix() for file in PAGES}
    assert owners >= {"reporting/page", "training/run_page", "auditing", "inference/explain"}


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.parent.name)
def test_a_page_has_the_shared_head_and_colours(file):
    text = file.read_text(encoding="utf-8")
    assert text.startswith('{% extends "base.html.j2" %}')
    for own in ("<!DOCTYPE", "<meta", "--paper:", "prefers-color-scheme"):
        assert own not in text


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: f"{file.parent.name}-{file.name}")
def test_a_template_names_no_host(file):
    assert not re.search(r"\w:?//\w|@import|url\(", file.read_text(encoding="utf-8"))


def test_all_templates_are_installed():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "*.j2" in settings["tool"]["setuptools"]["package-data"]["*"]
    assert all((file.parent / "__init__.py").is_file() for file in TEMPLATES)
