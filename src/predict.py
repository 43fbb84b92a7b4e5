"""Classify images: python src/predict.py ckpt=RUN/checkpoints/best.ckpt images=DIR output=CSV."""

from aduni.cli import quick_imports, slow_imports

with quick_imports():
    import hydra
    from omegaconf import DictConfig

    from aduni.cli.app import run_command, task
    from aduni.inference.predict.predict_settings import read_predict_settings


@hydra.main(version_base="1.3", config_path="../conf", config_name="predict")
@task
def main(config: DictConfig) -> None:
    """Predict the classes of images."""
    settings = read_predict_settings(config)
    with slow_imports():
        from aduni.inference.predict.predict import predict
    print(predict(settings))


if __name__ == "__main__":
    run_command(main)
