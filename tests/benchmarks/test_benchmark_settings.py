"""The keys of conf/benchmark.yaml."""

import subprocess

import pytest

from benchmarks.call import MEASURES, benchmark
from benchmarks.effort import Effort, effort_of
from benchmarks.section import Section
from benchmarks.settings import PARTS


def test_all_parts_by_default_and_some_in_their_own_order(settings):
    assert settings().chosen == PARTS == tuple(MEASURES)
    assert settings("parts=[start_up,loss]").chosen == ("loss", "start_up")


def test_unknown_parts_are_refused(settings, refusal):
    refusal(lambda: settings("parts=[los]"), "parts=los", "did you mean loss", "start_up")
    refusal(lambda: settings("parts=[]"), "parts", "loss")


def test_full_takes_more_of_everything():
    default, full = effort_of(False), effort_of(True)
    assert default == Effort()
    for name in ("turns", "jpegs", "loss_turns", "steps", "epochs", "evaluated", "start_turns"):
        assert getattr(full, name) > getattr(default, name)
    for effort in (default, full):  # incomplete batches are dropped and would not be counted
        assert effort.pass_images % effort.loader_batch == 0
        assert effort.growth_images % effort.batch_size == 0
        assert effort.growth_images >= effort.growth_steps * effort.batch_size


def test_parts_run_in_scratch_folders_that_go(settings, tmp_path, monkeypatch, capsys):
    seen = []

    def part(bench):
        (bench.scratch / "file").touch()
        seen.append(bench)
        return Section("A part", [{"what": "x", "value": 1.0}])

    monkeypatch.setitem(MEASURES, "loss", part)
    monkeypatch.setitem(MEASURES, "cache", part)
    benchmark(settings("parts=[loss,cache]"), Effort())
    assert len(seen) == 2
    assert not any(bench.scratch.exists() for bench in seen)
    assert {file.name for file in tmp_path.iterdir()} == {"benchmark.json", "benchmark.md"}
    assert "A part" in capsys.readouterr().out


def test_what_a_failed_child_printed_is_shown(settings, monkeypatch, capsys):
    def part(bench):
        raise subprocess.CalledProcessError(1, ["python"], stderr="no [memory] left")

    monkeypatch.setitem(MEASURES, "loss", part)
    with pytest.raises(subprocess.CalledProcessError):
        benchmark(settings("parts=[loss]"), Effort())
    assert "no [memory] left" in capsys.readouterr().out
