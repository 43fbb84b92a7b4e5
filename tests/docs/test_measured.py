"""Figures in the documentation are those of the kept runs, which give them again."""

import re
import runpy
from pathlib import Path

import pandas as pd
import pytest
from hydra import compose, initialize_config_dir

from aduni.reporting.cached import cached_report
from aduni.reproduce.report_settings import read_report
from aduni.system.atomic_files import read_yaml

ROOT = Path(__file__).resolve().parents[2]
STUDY = ROOT / "results" / "study"


def cells_of(line: str) -> list[str]:
    return [cell.strip().strip("*") for cell in line.strip().strip("|").split("|")]


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(ROOT / "scripts" / "study.py"))


def test_the_studys_tables_are_made_again_from_the_kept_predictions(script):
    page = (ROOT / "docs" / "findings.md").read_text()
    assert {"scores", "primary"} <= {mark[1] for mark in script["MARK"].findall(page)}
    assert script["with_tables"](page, script["rows_of"](STUDY)) == page


SHORT = ("detailed_rows=null", "table@methods=study", "table@switches=study_secondary")
"""The kept page has no section "In detail", with which it would be too large."""


@pytest.mark.slow
def test_every_table_is_made_again_from_the_kept_predictions(tmp_path):
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("report", [f"runs={STUDY}", f"output={tmp_path / 'out'}", *SHORT])
    cached_report(read_report(config)[0])

    kept = {file.name: file for file in sorted((STUDY / "tables").iterdir())}
    made = {file.name: file for file in sorted((tmp_path / "out" / "tables").iterdir())}
    assert kept.keys() == made.keys()
    for name, file in kept.items():
        if name.endswith(".csv"):
            pd.testing.assert_frame_equal(pd.read_csv(file), pd.read_csv(made[name]), rtol=1e-9)
        else:
            assert file.read_text() == made[name].read_text()
    assert (tmp_path / "out" / "index.html").is_file()


def test_the_kept_runs_are_small():
    assert sum(file.stat().st_size for file in STUDY.rglob("*") if file.is_file()) < 20e6
    assert not list(STUDY.rglob("*.ckpt"))


def test_the_kept_runs_name_no_folder_of_a_machine():
    for config in STUDY.glob("runs/*/config.yaml"):
        dataset = read_yaml(config)["dataset"]
        assert not Path(dataset["root"]).is_absolute(), config
        assert not Path(dataset["cache_dir"]).is_absolute(), config


@pytest.mark.parametrize("kept", [STUDY, ROOT / "results" / "floors"], ids=lambda path: path.name)
def test_links_of_a_kept_page_lead_to_kept_files(kept):
    """A page that was written elsewhere names folders of that machine."""
    links = re.findall(r'href="([^"#:]+)"', (kept / "index.html").read_text())
    assert links
    for link in links:
        target = (kept / link).resolve()
        assert target.is_relative_to(kept), link
        assert target.exists(), link


def test_the_floors_in_the_docs_are_those_of_the_kept_page():
    cells = pd.read_csv(ROOT / "results" / "floors" / "tables" / "tables.csv")
    made = {
        (cell["row"], cell["dataset"], cell["figure"]): "{mean:.3f} ± {deviation:.3f}".format(
            **cell
        )
        for cell in cells[cells["table"] == "methods"].to_dict("records")
    }
    text = (ROOT / "docs" / "protocols.md").read_text(encoding="utf-8")
    for name in ("class frequencies", "border", "thumbnail", "file"):
        (line,) = (line for line in text.splitlines() if line.startswith(f"| {name} | 0"))
        assert cells_of(line)[1:] == [
            made[name, dataset, figure]
            for dataset in ("aptos", "isic2018")
            for figure in ("accuracy", "macro_f1")
        ]
