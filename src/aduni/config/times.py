"""Times on the command line: DD:HH:MM:SS, or numbers with units as 1h30m."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
"""Unit -> its seconds, the longest first."""

WITH_UNITS = re.compile("".join(rf"(?:(\d+){unit})?" for unit in UNITS))


def check_time(text: str) -> str:
    """Return a time as DD:HH:MM:SS, or raise ValueError."""
    if text and (found := WITH_UNITS.fullmatch(text)):
        numbers = (int(number or 0) for number in found.groups())
        return exact_time(sum(n * u for n, u in zip(numbers, UNITS.values(), strict=True)))
    if not re.fullmatch(r"\d+:[0-2]?\d:[0-5]?\d:[0-5]?\d", text):
        raise ValueError(
            "is not a time; write a unit, as 30m, 2h or 1h30m, or write DD:HH:MM:SS, as "
            "00:00:30:00 for half an hour"
        )
    return text


def seconds_of(time: str) -> float:
    """Return the seconds of a time DD:HH:MM:SS."""
    days, hours, minutes, seconds = map(int, time.split(":"))
    return ((days * 24 + hours) * 60 + minutes) * 60.0 + seconds


def exact_time(seconds: int) -> str:
    """Return a time as DD:HH:MM:SS."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes // 1440:02}:{minutes // 60 % 24:02}:{minutes % 60:02}:{rest:02}"


MaxTime = Annotated[str, BeforeValidator(str), AfterValidator(check_time)]
"""Time as DD:HH:MM:SS; times with units become such ones."""
