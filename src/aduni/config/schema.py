"""From a composed configuration to checked settings, and from settings to objects.

Every YAML leaf names its constructor (`_target_`), so a value's type and range stand where it is
used: in the constructor's annotations. They are checked here before anything is built.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.errors import PydanticSchemaGenerationError
from pytorch_lightning.accelerators import CUDAAccelerator, MPSAccelerator, XLAAccelerator

from aduni.errors import UnknownOptionError, UserError, complaint, did_you_mean
from aduni.schedules import RateSchedule

Model = TypeVar("Model", bound=BaseModel)

Node = dict[str, Any]
"""A YAML leaf: a `_target_` and its arguments."""

# The method comes last: its YAML repeats parts of the others.
GROUPS = ("dataset", "sampler", "alpha", "protocol", "encoder", "trainer", "logger", "method")

HANDED_DOWN = frozenset({"protocol", "loading", "encoder", "task", "folder", "config"})
"""Arguments that no YAML can hold: whoever builds the leaf gives them."""

VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


ACCELERATORS = {
    "gpu": (CUDAAccelerator, MPSAccelerator),
    "cuda": (CUDAAccelerator,),
    "mps": (MPSAccelerator,),
    "tpu": (XLAAccelerator,),
}
"""Lightning's names of what not every machine has."""


class Names(BaseModel, extra="forbid"):
    """Which option of each group was chosen."""

    method: str
    dataset: str
    sampler: str
    alpha: str
    protocol: str
    encoder: str


class Settings(BaseModel, extra="forbid", allow_inf_nan=False):
    """All top-level keys of conf/train.yaml."""

    names: Names
    method: Node
    dataset: Node
    sampler: Node
    alpha: Node
    protocol: Node
    encoder: Node
    trainer: Node
    logger: Node
    fold: NonNegativeInt
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    epochs: PositiveInt
    batch_size: Annotated[int, Field(ge=2)]  # batch norm takes no single image
    lr: PositiveFloat
    lr_min: NonNegativeFloat
    warmup_epochs: NonNegativeInt
    lr_schedule: RateSchedule = "cosine"
    momentum: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: NonNegativeFloat
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    num_workers: NonNegativeInt | None
    augment: Literal["cpu", "gpu"]
    data_on_gpu: Literal["auto", True, False]
    save_features: bool
    resume: str | None
    # Of this call alone: a file must not say whom to trust.
    trust: list[str] = Field(default=[], exclude=True)
    verbose: bool

    @field_validator("lr_min")
    @classmethod
    def _not_above_lr(cls, lr_min: float, info: ValidationInfo) -> float:
        lr = info.data.get("lr", lr_min)
        if lr_min > lr:
            raise ValueError(f"is larger than lr={lr}; lower lr_min or raise lr")
        return lr_min


def read_settings(config: DictConfig) -> Settings:
    """Checked settings of a training, interpolations resolved.

    Raises:
        UserError: unknown key, wrong type or value out of range, at any depth.
    """
    return read(config, Settings, GROUPS)


def read(config: DictConfig, model: type[Model], groups: Iterable[str]) -> Model:
    """Settings of any command, checked; raises as `read_settings`."""
    plain = OmegaConf.to_container(config, resolve=True)
    try:
        settings = model.model_validate(plain)
    except ValidationError as error:
        raise UserError(complaint(error, model.model_fields)) from error
    for group in groups:
        check_node(getattr(settings, group), group)
    return settings


def check_trainer(trainer: Node) -> None:
    """Check that the machine has what a trainer asks for, and that its processes are ours to end.

    Raises:
        UserError: there is no such accelerator here, or Lightning would begin processes its own
            way, and not end them all.
    """
    devices, nodes = trainer.get("devices", 1), trainer.get("num_nodes", 1)
    one = devices in (1, "1") or (isinstance(devices, list) and len(devices) == 1)
    if not isinstance(trainer.get("strategy"), dict) and not (one and nodes == 1):
        raise UserError(
            f"trainer.devices={devices} with trainer.num_nodes={nodes} needs several processes; "
            "add trainer=ddp."
        )
    name = trainer.get("accelerator")
    if name in ACCELERATORS and not any(kind.is_available() for kind in ACCELERATORS[name]):
        raise UserError(
            f"trainer.accelerator={name} finds no {name.upper()} that PyTorch can use here; write "
            "trainer=cpu."
        )


def build(node: Node, **handed_down: Any) -> Any:
    """The object a YAML leaf describes, with further arguments that no YAML can hold.

    Raises:
        UserError: the constructor refuses a value.
    """
    target = node["_target_"]
    try:
        # Arguments given to `instantiate` would be merged into the configuration, and copied.
        constructor = instantiate(node, _partial_=True, _convert_="all")
    except InstantiationException as error:
        if isinstance(error.__cause__, UserError):
            raise error.__cause__ from None
        raise _refusal(target, error.__cause__) from error
    try:
        return constructor(**handed_down)
    except (ValueError, TypeError, MisconfigurationException) as error:
        if target.startswith("aduni."):  # checked above: this is a fault of ours
            raise
        raise _refusal(target, error) from error


def check_node(node: Any, path: str) -> None:
    """Check and convert the arguments of every `_target_` of this package, at any depth.

    Args:
        node: a YAML leaf, or whatever stands in one.
        path: its full key.

    Raises:
        UserError: unknown or missing argument, wrong type or value out of range.
    """
    for key, value in _items(node):
        check_node(value, f"{path}.{key}")
    if not isinstance(node, dict) or not str(node.get("_target_", "")).startswith("aduni."):
        return
    hints, required = _parameters(get_object(node["_target_"]))
    missing = required - node.keys() - HANDED_DOWN
    if missing and not node.get("_partial_"):
        raise UserError(f"{path}.{min(missing)} is missing; set it.")
    for key, value in node.items():
        if key in ("_target_", "_partial_"):
            continue
        if key not in hints:
            problem = f"is no option of {node['_target_']}{did_you_mean(key, hints)}"
            raise UnknownOptionError(f"{path}.{key}", problem)
        if not _holds_nodes(value):
            node[key] = _checked(value, hints[key], f"{path}.{key}")


def _checked(value: Any, hint: Any, path: str) -> Any:
    """The value as the annotation has it: 2 for 2.0 where a whole number is wanted."""
    config = ConfigDict(arbitrary_types_allowed=True, allow_inf_nan=False)
    try:
        adapter = TypeAdapter(hint, config=config)
    except PydanticSchemaGenerationError:  # a type of somebody else: its constructor checks it
        return value
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise UserError(complaint(error, path=path)) from error


def _parameters(target: Any) -> tuple[dict[str, Any], set[str]]:
    """Keyword arguments of a function, or of a class and its bases.

    Returns:
        Their annotations, and the names of those that have no default.
    """
    functions: list[Callable[..., Any]] = [target]
    if inspect.isclass(target):
        functions = [vars(c)["__init__"] for c in target.__mro__ if "__init__" in vars(c)]
    hints: dict[str, Any] = {}
    required: set[str] = set()
    for function in functions:
        parameters = inspect.signature(function).parameters
        annotations = get_type_hints(function, include_extras=True)
        named = {n: p for n, p in parameters.items() if n != "self" and p.kind not in VARIADIC}
        required |= {n for n, p in named.items() if p.default is p.empty and n not in hints}
        hints |= {name: annotations.get(name, Any) for name in parameters} | hints
        if all(p.kind is not p.VAR_KEYWORD for p in parameters.values()):
            break
    return hints, required


def _items(node: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, Mapping):
        yield from node.items()
    elif isinstance(node, list):
        yield from enumerate(node)


def _holds_nodes(value: Any) -> bool:
    if isinstance(value, Mapping) and "_target_" in value:
        return True
    return any(_holds_nodes(inner) for _, inner in _items(value))


def _refusal(target: str, error: BaseException | None) -> UserError:
    return UserError(f"{target} refuses its configuration: {_first_line(error)}.")


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
