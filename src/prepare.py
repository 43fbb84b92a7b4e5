"""Call `aduni prepare` in a checkout: python src/prepare.py (conf/prepare.yaml)."""

from aduni.cli.start import start

if __name__ == "__main__":
    start("prepare")
