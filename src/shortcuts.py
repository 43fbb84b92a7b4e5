"""Call `aduni shortcuts` in a checkout: python src/shortcuts.py (conf/shortcuts.yaml)."""

from aduni.cli.start import start

if __name__ == "__main__":
    start("shortcuts")
