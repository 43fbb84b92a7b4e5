"""The clock counts all calls, killed ones too."""

import time

from aduni.fitting.clock import Clock
from aduni.system.atomic_files import read_json


def test_a_later_call_knows_the_time_of_earlier_ones(tmp_path):
    file = tmp_path / "clock.json"
    clock = Clock(file, 100)
    with clock.noted():
        time.sleep(0.3)
    assert read_json(file)["seconds"] >= 0.2
    file.write_text('{"seconds": 90.0}')
    later = Clock(file, 100)
    assert 90 <= later.used < 95
    assert 5 < later.left <= 10
    assert later.end - time.monotonic() <= 10


def test_the_time_is_noted_while_a_call_runs(tmp_path, monkeypatch):
    monkeypatch.setattr("aduni.fitting.clock.SECONDS_BETWEEN_NOTES", 0.01)
    file = tmp_path / "clock.json"
    with Clock(file, 100).noted():
        for _ in range(200):
            if file.exists():
                break
            time.sleep(0.05)
        assert file.exists(), "a kill would have lost the time"


def test_a_cut_file_counts_nothing(tmp_path):
    file = tmp_path / "clock.json"
    for content in ("", "{", '{"other": 1}', "[]"):
        file.write_text(content)
        assert Clock(file, 100).used < 5
