"""The keys of conf/benchmark.yaml."""

import pytest

from benchmarks import cache, loss
from benchmarks.call import MODULES, benchmark
from benchmarks.part import FULL, Effort, Section
from benchmarks.settings import PARTS


def test_all_parts_by_default_and_some_in_their_own_order(settings):
    assert settings().chosen == PARTS[:-1]
    assert settings("parts=size").chosen == ("size",)
    assert settings("parts=[start_up,loss]").chosen == ("loss", "start_up")
    assert settings("parts=loss").chosen == ("loss",)


def test_every_part_is_a_module_that_measures():
    assert tuple(MODULES) == PARTS
    assert all(callable(module.measure) for module in MODULES.values())


def test_unknown_parts_are_refused(settings, refusal):
    refusal(lambda: settings("parts=[los]"), "parts=los", "did you mean loss", "start_up")
    refusal(lambda: settings("parts=[]"), "parts", "loss")


def test_full_takes_more_of_everything():
    default = Effort()
    for name in ("rounds", "steps", "bare_steps", "epochs", "evaluated", "starts"):
        assert getattr(FULL, name) > getattr(default, name)
    for effort in (default, FULL):  # incomplete batches are dropped and would not be counted
        assert effort.pass_images % effort.batch_size == 0
        assert effort.growth_images % effort.batch_size == 0


def test_parts_run_in_scratch_folders_that_go(settings, tmp_path, monkeypatch, capsys):
    seen = []

    def part(bench):
        (bench.scratch / "file").touch()
        seen.append(bench)
        return Section("A part", [{"what": "x", "value": 1.0}])

    monkeypatch.setattr(loss, "measure", part)
    monkeypatch.setattr(cache, "measure", part)
    benchmark(settings("parts=[loss,cache]"), Effort())
    assert len(seen) == 2
    assert not any(bench.scratch.exists() for bench in seen)
    assert {file.name for file in tmp_path.iterdir()} == {"benchmark.json", "benchmark.md"}
    printed = capsys.readouterr().out
    assert printed.count("A part") == 2
    assert "Targets" in printed


def test_what_was_measured_before_a_failure_is_written(settings, tmp_path, monkeypatch):
    def fails(bench):
        raise RuntimeError("no [memory] left")

    monkeypatch.setattr(loss, "measure", lambda bench: Section("A part", [{"what": "x"}]))
    monkeypatch.setattr(cache, "measure", fails)
    with pytest.raises(RuntimeError, match=r"no \[memory\] left"):
        benchmark(settings("parts=[loss,cache]"), Effort())
    assert "A part" in (tmp_path / "benchmark.md").read_text()
