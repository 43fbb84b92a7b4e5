"""Figures in the documentation are those of the kept runs, which give them again."""

import json
import re
import runpy
from pathlib import Path

import pandas as pd
import pytest
from hydra import compose, initialize_config_dir

from aduni.metrics.names import METRICS
from aduni.reporting.cached import cached_report
from aduni.reproduce.settings import read_report
from aduni.results.finished_runs import read_run
from aduni.results.plan import read_plan, run_folder
from aduni.system.atomic_files import read_yaml

ROOT = Path(__file__).resolve().parents[2]
STUDY = ROOT / "results" / "study"
MARKED = r"<!-- {}: ([\w-]+), (\w+) -->\n(\|.*\n)\|[-:| ]+\n((?:\|.*\n)+)"
"""A table of a page: which table of the study, which data set, header, rows."""
TITLES = {metric.title.lower(): metric.key for metric in METRICS.values()}


def cells_of(line: str) -> list[str]:
    return [cell.strip().strip("*") for cell in line.strip().strip("|").split("|")]


def marked(page: str, kind: str) -> list[tuple[str, str, list[str], list[list[str]]]]:
    """Tables of a page: their name, data set, header and rows."""
    found = re.findall(MARKED.format(kind), (ROOT / page).read_text())
    return [
        (name, dataset, cells_of(header), [cells_of(line) for line in body.splitlines()])
        for name, dataset, header, body in found
    ]


@pytest.mark.parametrize("quoting", ["README.md", "docs/findings.md"])
def test_quoted_means_are_the_studys(quoting):
    frame = pd.read_csv(STUDY / "tables" / "tables.csv", dtype={"block": str, "row": str})
    frame["label"] = [
        row if pd.isna(block) else f"{block}, {row}"
        for block, row in zip(frame["block"], frame["row"], strict=True)
    ]
    means = frame.set_index(["table", "dataset", "label", "figure"])
    seeds = macro_f1_by_seed()
    quoted = marked(quoting, "means")
    assert quoted
    for table, dataset, header, rows in quoted:
        for label, *values in rows:
            for name, value in zip(header[1:], values, strict=True):
                if name.startswith("seed "):
                    figure = seeds.get((table, dataset, label, name), float("nan"))
                else:
                    column = "paper_mean" if name.startswith("paper: ") else "mean"
                    key = TITLES[name.removeprefix("paper: ").lower()]
                    figure = means.loc[(table, dataset, label, key), column]
                assert value == ("not run" if pd.isna(figure) else f"{figure:.3f}"), (label, name)


def macro_f1_by_seed() -> dict[tuple[str, ...], float]:
    """Of the test part, by table, data set, row and `seed N`; the study has one fold."""
    figures = {}
    for run in read_plan(STUDY).runs:
        if (file := run_folder(STUDY, run).metrics).is_file():
            figure = json.loads(file.read_text())["test"]["macro_f1"]
            for table, label in run.rows:
                figures[table, run.dataset, label, f"seed {run.seed}"] = figure
    return figures


@pytest.fixture(scope="module")
def pairs() -> pd.DataFrame:
    frame = pd.read_csv(STUDY / "tables" / "comparisons.csv")
    key = ["table", "dataset", "figure", "row", "baseline"]
    return frame.drop_duplicates().set_index(key)


def test_quoted_differences_are_the_studys(pairs):
    quoted = marked("docs/findings.md", "differences")
    assert quoted
    for table, dataset, _, rows in quoted:
        for row, baseline, *texts, claim, verdict in rows:
            expected, sides = written_pair(pairs, table, dataset, row, baseline)
            assert texts == expected, (row, baseline)
            claimed = {"ahead": 1, "helps": 1, "hurts": -1}[re.split(r"\W", claim)[0]]
            found = verdict_of([side * claimed for side in sides])
            assert verdict.startswith(found), (row, baseline, sides)


def verdict_of(sides: list[int]) -> str:
    """By the sides without and with tuned adjustment: 1 the claim's, -1 the other, 0 neither."""
    match sides:
        case [1, 1]:
            return "confirmed"
        case [1, 0]:
            return "without tuned adjustment only"
        case [1, -1]:
            return "ahead, behind with tuned adjustment"
        case [0, 1]:
            return "with tuned adjustment only"
        case [-1, 1]:
            return "behind, ahead with tuned adjustment"
        case [-1, -1]:
            return "not confirmed"
    return "undecided"


def test_quoted_changes_are_the_studys(pairs):
    quoted = marked("docs/findings.md", "changes")
    assert quoted
    for table, dataset, _, rows in quoted:
        for row, baseline, *texts in rows:
            expected, _ = written_pair(pairs, table, dataset, row, baseline)
            assert texts == expected, (row, baseline)


def written_pair(
    pairs: pd.DataFrame, table: str, dataset: str, row: str, baseline: str
) -> tuple[list[str], list[int]]:
    """Return a difference's six cells and the sides of 0 on which macro F1's intervals lie.

    The cells are macro F1 without and with tuned adjustment, and accuracy, each with its interval.
    """
    keys = [(table, "macro_f1"), (adjusted(table), "macro_f1"), (table, "accuracy")]
    found = [written(pairs, (name, dataset, figure, row, baseline)) for name, figure in keys]
    return [text for texts, _ in found for text in texts], [side for _, side in found[:2]]


def adjusted(table: str) -> str:
    return f"{table}-moved"


def written(pairs: pd.DataFrame, key: tuple[str, ...]) -> tuple[list[str], int]:
    """Difference and interval in words; on which side of 0 the interval is, 0 for neither."""
    held = pairs.loc[key]
    low, high = (round(held[end], 3) for end in ("low", "high"))
    words = [f"{held['pooled']:+z.3f}", f"{low:+z.3f} to {high:+z.3f}"]
    return words, int(low > 0) - int(high < 0)


def test_quoted_figures_of_classes_are_the_studys():
    frame = pd.read_csv(STUDY / "tables" / "classes.csv")
    quoted = marked("docs/findings.md", "classes")
    assert {figure for figure, *_ in quoted} == {"f1", "loss"}  # the columns of classes.csv
    for figure, dataset, header, rows in quoted:
        values = frame[frame["dataset"] == dataset].set_index(["row", "class"])[figure]
        for row, *cells in rows:
            assert cells == [f"{values[row, name]:.2f}" for name in header[1:]], row


def test_quoted_batches_are_the_studys():
    frame = pd.read_csv(STUDY / "tables" / "batches.csv").set_index("sampler")
    quoted = marked("docs/findings.md", "batches")
    assert quoted
    for _, dataset, header, rows in quoted:
        of_dataset = frame[frame["dataset"] == dataset]
        for sampler, *cells in rows:
            if sampler.startswith("the paper"):
                continue
            for name, cell in zip(header[1:], cells, strict=True):
                kind, size = name.split(" of ")
                held = of_dataset[of_dataset["batch_size"] == int(size)].loc[sampler]
                prefix = "queue_" if kind == "queue" else ""
                pair = f"{held[prefix + 'majority']:.1f} : {held[prefix + 'minority']:.1f}"
                assert cell == pair, (sampler, name)


def test_quoted_inflation_is_the_studys():
    inflation = runpy.run_path(str(ROOT / "scripts" / "inflation.py"))["inflation"]
    runs = read_plan(STUDY).runs
    quoted = marked("docs/findings.md", "inflation")
    assert quoted
    for table, dataset, _, rows in quoted:
        for label, seed, *cells in rows:
            place = (dataset, int(seed))
            (run,) = (r for r in runs if (r.dataset, r.seed) == place and (table, label) in r.rows)
            images, copied, *figures = inflation(read_run(run_folder(STUDY, run)))
            words = ["-" if figure is None else f"{figure:.3f}" for figure in figures]
            assert cells == [str(images), str(copied), *words], label


SHORT = ("detailed_rows=null",)
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
