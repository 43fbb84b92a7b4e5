"""scripts/memory_formats.py times steps in both memory formats and both precisions."""

import runpy
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "memory_formats.py"


def test_each_precision_has_both_times_and_their_ratio():
    lines = runpy.run_path(str(SCRIPT))["lines"]("shufflenet_v2_x0_5", 32, batch=2, rounds=1)

    cells = [line.split(" | ") for line in lines]
    assert [cell[0] for cell in cells] == ["fp32", "bf16"]
    for _, first, last, ratio in cells:
        expected = float(first) / float(last)  # of one round; rounded to hundredths
        assert abs(float(ratio.split()[0]) - expected) < 0.02 * (1 + expected)
