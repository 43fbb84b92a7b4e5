"""Times with units and as DD:HH:MM:SS are stored in one form."""

import pytest

from aduni.config.times import check_time, exact_time, seconds_of

STORED = {
    "10m": "00:00:10:00",
    "2h": "00:02:00:00",
    "90s": "00:00:01:30",
    "1h30m": "00:01:30:00",
    "1d2h3m4s": "01:02:03:04",
    "36h": "01:12:00:00",
    "0s": "00:00:00:00",
    "00:00:30:00": "00:00:30:00",
}
OTHERS = ["30", "", "30.5m", "m", "30m1h", "1h30", "-5m", "10 m", "00:30", "1:2:3:99", "10m\n"]


@pytest.mark.parametrize(("text", "stored"), STORED.items())
def test_a_time_is_stored_in_one_form(text, stored):
    assert check_time(text) == stored
    assert exact_time(int(seconds_of(stored))) == stored


@pytest.mark.parametrize("text", OTHERS)
def test_another_form_is_refused_with_both_that_are_taken(text):
    with pytest.raises(ValueError, match=r"write a unit, as 30m, .* or write DD:HH:MM:SS"):
        check_time(text)
