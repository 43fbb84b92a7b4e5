"""Call `aduni report` in a checkout: python src/report.py (conf/report.yaml)."""

from aduni.cli.start import start

if __name__ == "__main__":
    start("report")
