"""Call `aduni label_errors` in a checkout: python src/label_errors.py (conf/label_errors.yaml)."""

from aduni.cli.start import start

if __name__ == "__main__":
    start("label_errors")
