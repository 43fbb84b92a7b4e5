"""Benchmark each part against its lower bound: python src/benchmark.py (conf/benchmark.yaml)."""

import sys
from pathlib import Path

from aduni.cli.start import start

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # benchmarks/ is not installed

if __name__ == "__main__":
    start("benchmark", "benchmarks")
