"""Call `aduni reproduce` in a checkout: python src/reproduce.py (conf/reproduce.yaml)."""

from aduni.cli.start import start

if __name__ == "__main__":
    start("reproduce")
