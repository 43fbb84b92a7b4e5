"""Call `aduni audit` in a checkout: python src/audit.py (conf/audit.yaml)."""

from aduni.cli.start import start

if __name__ == "__main__":
    start("audit")
