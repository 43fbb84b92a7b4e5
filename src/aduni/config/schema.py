"""Check a composed configuration and return it as settings.

Each YAML node names its constructor (`_target_`), whose annotations give the types and ranges of
the values. They are checked here, before anything is built.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeVar

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from aduni.config.instantiate import Node, check_node
from aduni.config.times import MaxTime, seconds_of
from aduni.data.shard import OptionalShard
from aduni.errors import UserError, complaint
from aduni.results.former_configurations import NO_CLASS_WEIGHTS
from aduni.schedules import RateSchedule

Model = TypeVar("Model", bound=BaseModel)

# The method is checked last, since its YAML repeats parts of the other groups.
GROUPS = (
    *("dataset", "sampler", "alpha", "class_weights", "protocol", "encoder", "trainer", "logger"),
    *("optimizer", "method"),
)


def _no_data(data: str | None) -> None:
    """Raise ValueError for images in a file of settings, where nothing translates `data`."""
    if data is not None:
        raise ValueError(
            "is a word of the command line; in a file set dataset=folder and dataset.root, or "
            "dataset=csv and dataset.csv"
        )


def check_keys(command: str, keys: Iterable[str], overrides: Iterable[str]) -> None:
    """Raise UserError for an override that would have no effect on a command.

    Args:
        command: name of the script.
        keys: its keys and groups.
        overrides: as typed.
    """
    known = list(keys)
    for override in overrides:
        key = override.lstrip("+~").split("=")[0]
        if key.split(".")[0] not in known:
            raise UserError(
                f"{key} is not a key of {command}; leave it out (its keys are {', '.join(known)})."
            )


class Names(BaseModel, extra="forbid"):
    """Names of the options that were chosen, by group."""

    method: str
    dataset: str
    sampler: str
    alpha: str
    class_weights: str = "none"  # earlier runs have none
    protocol: str
    encoder: str
    recipe: str | None = None  # its values are settings of their own; earlier runs have none
    optimizer: str | None = None  # earlier runs have none


class DataPlace(BaseModel, extra="forbid"):
    """Folders of a run's data set, None for the stored one, and of its resized images."""

    root: str | None
    cache_dir: str


class Settings(BaseModel, extra="forbid", allow_inf_nan=False):
    """Values of all top-level keys of conf/train.yaml."""

    names: Names
    method: Node
    dataset: Node
    sampler: Node
    alpha: Node
    class_weights: Node = Field(default_factory=NO_CLASS_WEIGHTS.copy)
    protocol: Node
    encoder: Node
    trainer: Node
    optimizer: Node
    data: Annotated[str | None, AfterValidator(_no_data)] = Field(default=None, exclude=True)
    fold: NonNegativeInt
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    epochs: PositiveInt
    batch_size: Annotated[int, Field(ge=2)]  # batch norm cannot train on one image
    lr: PositiveFloat
    lr_min: NonNegativeFloat
    warmup_epochs: NonNegativeInt
    lr_schedule: RateSchedule = "cosine"
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    patience: PositiveInt | None = None
    max_time: MaxTime | None = None
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    num_workers: NonNegativeInt | None
    augment: Literal["cpu", "gpu"]
    data_on_gpu: Literal["auto", True, False]
    save_features: bool
    resume: str | None
    # Not stored: a file must not be able to say whom to tell, or what to trust.
    logger: dict[str, Node] = Field(default={}, exclude=True)
    trust: list[str] = Field(default=[], exclude=True)
    shard: OptionalShard = Field(default=None, exclude=True)  # a run has all of the features
    verbose: bool

    @property
    def max_seconds(self) -> float | None:
        """Longest training time of the run in seconds, None without a limit."""
        return None if self.max_time is None else seconds_of(self.max_time)

    @property
    def caches_features(self) -> bool:
        """Return whether a frozen encoder runs once; a single batch is computed from images."""
        is_single = self.epochs == self.sampler.get("epoch_length") == 1  # debug=batch
        return self.encoder.get("adaptation") == "frozen" and not is_single

    @field_validator("lr_min")
    @classmethod
    def _not_above_lr(cls, lr_min: float, info: ValidationInfo) -> float:
        lr = info.data.get("lr", lr_min)
        if lr_min > lr:
            raise ValueError(f"is larger than lr={lr}; lower lr_min or raise lr")
        return lr_min


def read_settings(config: DictConfig) -> Settings:
    """Return the checked settings of a training, with interpolations resolved.

    Raises:
        UserError: if a key is unknown or a value of the wrong type or out of range, at any depth.
    """
    settings = read(config, Settings, GROUPS)
    _check_class_weights(settings)
    return settings


def _check_class_weights(settings: Settings) -> None:
    """Raise UserError if there are class weights that the method would not use."""
    if settings.class_weights.get("weights") is None:
        return
    method = get_object(settings.method["_target_"])
    if "class_weights" in settings.method and getattr(method, "takes_class_weights", True):
        return
    raise UserError(
        f"method={settings.names.method} does not use "
        f"class_weights={settings.names.class_weights}; leave it out, or choose a method that "
        "takes them, such as method=ce, focal or ldam."
    )


def read(config: DictConfig, model: type[Model], groups: Iterable[str]) -> Model:
    """Return the checked settings of any command; raises as `read_settings` does."""
    try:
        settings = model.model_validate(_values(config, model))
    except ValidationError as error:
        raise UserError(complaint(error, model.model_fields)) from error
    for group in groups:
        check_node(getattr(settings, group), group)
    return settings


def _values(config: DictConfig, model: type[BaseModel]) -> Any:
    """Return the resolved values of a configuration; of those that the model ignores, none.

    To resolve the mean of an encoder's weights takes torch, for which an audit has no other use.
    """
    if model.model_config.get("extra") != "ignore":
        return OmegaConf.to_container(config, resolve=True)
    held = {key: config[key] for key in model.model_fields if key in config}
    return {
        key: OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        for key, value in held.items()
    }


def check_trainer(trainer: Node) -> None:
    """Check that the trainer's accelerator exists and that several processes use trainer=ddp.

    Without it, Lightning starts the processes in its own way, which may leave some running.

    Raises:
        UserError: if one of these is not so.
    """
    devices, nodes = trainer.get("devices", 1), trainer.get("num_nodes", 1)
    is_one = devices in (1, "1") or (isinstance(devices, list) and len(devices) == 1)
    if not isinstance(trainer.get("strategy"), dict) and not (is_one and nodes == 1):
        raise UserError(
            f"trainer.devices={devices} with trainer.num_nodes={nodes} needs several processes; "
            "add trainer=ddp."
        )
    name = str(trainer.get("accelerator"))
    if not _is_available(name):
        raise UserError(
            f"trainer.accelerator={name} finds no {name.upper()} that PyTorch can use here; write "
            "trainer=cpu."
        )


def _is_available(accelerator: str) -> bool:
    """Tell whether PyTorch can use one of the accelerators that a machine may lack."""
    from pytorch_lightning import accelerators  # imports torch

    kinds = {
        "gpu": (accelerators.CUDAAccelerator, accelerators.MPSAccelerator),
        "cuda": (accelerators.CUDAAccelerator,),
        "mps": (accelerators.MPSAccelerator,),
        "tpu": (accelerators.XLAAccelerator,),
    }
    return accelerator not in kinds or any(each.is_available() for each in kinds[accelerator])
