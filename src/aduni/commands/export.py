"""Export a model to ONNX, torch.export (pt2), safetensors or a folder for Hugging Face."""

import hydra
from omegaconf import DictConfig

from aduni.cli.app import task
from aduni.cli.imports import slow_imports
from aduni.inference.export.export_settings import read_export_settings
from aduni.system.program import CONF


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="export")
@task
def main(config: DictConfig) -> None:
    """Export one checkpoint."""
    settings = read_export_settings(config)
    with slow_imports():
        from aduni.inference.export.export import export
    print(export(settings))
