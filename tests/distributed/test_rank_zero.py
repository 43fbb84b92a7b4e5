"""Test which process has rank zero, by the variables that launchers set."""

import pytest

from aduni.distributed.rank_zero import is_first_process

LAUNCHERS = ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK")
FIRST = [{}, {"RANK": "0", "LOCAL_RANK": "0"}, {"SLURM_PROCID": "0"}, {"LOCAL_RANK": "0"}]
OTHERS = [
    {"RANK": "4", "LOCAL_RANK": "0"},
    {"SLURM_PROCID": "3"},
    {"LOCAL_RANK": "1"},
    {"NODE_RANK": "1"},
    {"NODE_RANK": "1", "LOCAL_RANK": "0"},
]


@pytest.mark.parametrize(
    ("environment", "first"), [(each, each in FIRST) for each in (*FIRST, *OTHERS)]
)
def test_one_process_is_the_first(monkeypatch, environment, first):
    for name in LAUNCHERS:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_first_process() is first
