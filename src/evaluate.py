"""Call `aduni evaluate` in a checkout: python src/evaluate.py (conf/evaluate.yaml)."""

from aduni.cli.start import start

if __name__ == "__main__":
    start("evaluate")
