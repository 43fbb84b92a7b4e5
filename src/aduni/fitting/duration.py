"""Write times for people and for the command line."""

import math

from aduni.config.times import exact_time


def format_duration(seconds: float) -> str:
    """Return a time in words: seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def format_time(seconds: float) -> str:
    """Return a time as DD:HH:MM:SS, rounded up to whole minutes."""
    return exact_time(60 * math.ceil(seconds / 60))
