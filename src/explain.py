"""Call `aduni explain` in a checkout: python src/explain.py (conf/explain.yaml)."""

from aduni.cli.start import start

if __name__ == "__main__":
    start("explain")
