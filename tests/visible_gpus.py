"""Whether a call of pytest runs the tests marked gpu; all others see no GPU."""

import os
import re


def selects_gpu(expression: str) -> bool:
    """Tell from the argument of -m."""
    return re.search(r"(?<!not )\bgpu\b", expression) is not None


def hide_gpus() -> None:
    """In this process, if torch has not looked yet, and in those that it starts."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
