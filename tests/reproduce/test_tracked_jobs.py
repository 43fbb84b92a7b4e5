"""Trackers of a reproduction: each job gets those of the call, and W&B's a group and tags."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from aduni.reproduce.reproduce import _logger_overrides, _report_options

WORDS = ("profile.switches=[]", "tables=[1]")
BOTH = "logger=[tensorboard,wandb]"


@pytest.fixture
def overrides_for(plan, settings):
    """Return a function that lists what the first job of a call adds to train.py's overrides."""

    def call(*words: str) -> list[str]:
        made, runs = plan(*WORDS, *words)
        typed = [*WORDS, *words, "job=x"]
        return _logger_overrides(settings(*WORDS, *words), made, runs[0].id, typed)

    return call


def test_without_a_tracker_nothing_is_added(overrides_for):
    assert overrides_for() == []


def test_trackers_and_their_options_are_passed_on(overrides_for):
    words = ("logger=tensorboard", "logger.tensorboard.name=events")
    assert overrides_for(*words) == [*words]


def test_wandb_gets_the_profile_and_the_rows(overrides_for):
    first, project, group, tags = overrides_for(BOTH, "logger.wandb.project=mine")

    assert (first, project) == (BOTH, "logger.wandb.project=mine")
    assert group == "logger.wandb.group=reproduce-smoke"
    assert tags.startswith("logger.wandb.tags=[smoke,")


def test_tags_are_quoted_so_that_hydra_reads_them_as_they_are(overrides_for):
    *_, tags = overrides_for(BOTH, 'name="it\'s"')
    parsed = OverridesParser.create().parse_override(tags).value()
    assert parsed[0] == "it's"


def test_a_group_of_ones_own_is_kept(settings, overrides_for):
    words = ("logger=wandb", "logger.wandb.group=mine", "logger.wandb.offline=true")
    assert overrides_for(*words)[-2] == "logger.wandb.group=mine"

    checked = settings(*words)
    assert _report_options(checked, checked.wandb) == {
        "project": "aduni",
        "group": "mine",
        "offline": True,
    }


def test_only_wandb_gets_the_report(settings):
    assert settings("logger=tensorboard").wandb is None
    assert settings().wandb is None
