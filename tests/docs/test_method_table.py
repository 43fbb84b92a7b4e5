"""The table of methods is that of the YAML files, and these say what the classes do."""

import runpy

import pytest
import torch

from aduni.cli.yaml_docs import heading_of
from aduni.config.instantiate import build
from aduni.methods.base import DataInfo
from composing import CONF, networks, options, settings_of
from tiny_encoder import TinyEncoder

METHODS = CONF / "method"
COUNTS = torch.tensor([40.0, 30.0, 20.0, 10.0])


@pytest.fixture(scope="module")
def generator() -> dict:
    return runpy.run_path(str(CONF.parent / "scripts" / "configuration"))


@pytest.fixture(scope="module")
def table(generator) -> dict:
    return generator["index"].__globals__  # of its module


def test_the_table_is_up_to_date(root, generator):
    written = (root / "docs" / "methods" / "README.md").read_text()
    assert written == generator["index"](), "run make docs"


def test_views_in_the_yaml_are_those_of_the_stages(table):
    info = DataInfo(COUNTS, COUNTS.expand(2, 4) / COUNTS.sum(), epochs=2, task="ordinal")
    built = {}
    for name in networks():
        method = build(settings_of(f"method={name}").method, info=info, encoder=TinyEncoder())
        built[name] = tuple(stage.views for stage in method.stages)
    written = {name: table["views_of"](METHODS / f"{name}.yaml") for name in options("method")}
    assert written == dict.fromkeys(options("method"), ()) | built, "mend the line '# @views'"


def test_all_methods_but_floors_and_cross_entropy_have_a_paper(table):
    papers = {name: table["paper_of"](METHODS / f"{name}.yaml") for name in options("method")}
    without = {name for name, (authors, _) in papers.items() if not authors}
    assert without == {"ce"} | set(options("method")) - set(networks())


def test_headers_are_no_part_of_the_description():
    assert heading_of(METHODS / "cicl.yaml").startswith("CICL: ")


def test_what_a_method_inherits_is_not_among_its_hyper_parameters(table):
    values = {
        name: [*table["hyper_parameters"](METHODS / f"{name}.yaml")] for name in ("vs", "lade")
    }
    assert values == {
        "vs": ["loss.gamma=0.3", "loss.tau=1.0"],
        "lade": ["weight=0.1", "quadratic=0.1"],
    }


def test_a_group_that_a_method_chooses_is_among_them(table):
    assert "class_weights=effective" in table["hyper_parameters"](METHODS / "ldam.yaml")
