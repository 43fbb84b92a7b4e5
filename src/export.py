"""Call `aduni export` in a checkout: python src/export.py (conf/export.yaml)."""

from aduni.cli.start import start

if __name__ == "__main__":
    start("export")
