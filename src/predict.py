"""Call `aduni predict` in a checkout: python src/predict.py (conf/predict.yaml)."""

from aduni.cli.start import start

if __name__ == "__main__":
    start("predict")
