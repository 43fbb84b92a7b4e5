"""Names of the nonconformity scores, without what computes them: settings import this."""

from typing import Literal

Score = Literal["lac", "aps"]
