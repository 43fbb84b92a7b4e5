"""Call `aduni fit` in a checkout: python src/fit.py (conf/fit.yaml)."""

from aduni.cli.start import start

if __name__ == "__main__":
    start("fit")
