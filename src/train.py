"""Call `aduni train` in a checkout: python src/train.py (conf/train.yaml)."""

from aduni.cli.start import start

if __name__ == "__main__":
    start("train")
