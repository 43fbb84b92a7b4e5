"""Find packages of extras that a training will miss, before anything slow is imported."""

from importlib.util import find_spec

from aduni.config.schema import Settings
from aduni.errors import missing_extra
from aduni.models.backbones import PREFIXES


def check_extras(settings: Settings) -> None:
    """Raise UserError if the encoder, data set or logger needs packages that are not installed.

    What imports them raises the same error; this one comes within a second.
    """
    encoder, dataset = settings.encoder, settings.dataset
    name = str(encoder.get("name"))
    needed = {
        f"encoder.name={name}": ("timm", name.startswith(PREFIXES)),
        "encoder.adaptation=lora": ("peft", encoder.get("adaptation") == "lora"),
        "dataset=medmnist": ("medmnist", dataset.get("_target_") == "aduni.data.MedMNIST"),
        "logger=tensorboard": ("tensorboard", "tensorboard" in settings.logger),
    }
    for setting, (package, is_needed) in needed.items():
        if is_needed and find_spec(package) is None:
            raise missing_extra(setting, package, package)
