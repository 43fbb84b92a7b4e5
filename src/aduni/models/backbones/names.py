"""Names of the backbones of torchvision and timm, read from their sources without importing them.

An import takes seconds, which a mistyped name need not cost.
"""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from aduni.errors import UserError, did_you_mean
from aduni.models.backbones import LITE0, PREFIXES, is_factory

REGISTERED = re.compile(r"^@register_model\b.*\n(?:(?!def ).*\n)*def (\w+)\(", re.MULTILINE)


def list_backbones() -> list[str]:
    """Return the names without a prefix: torchvision's classification models, and lite0."""
    return [*sorted(REGISTERED.findall(_sources("torchvision"))), LITE0]


def check_backbone(name: str) -> None:
    """Raise UserError for a name that neither torchvision nor timm has."""
    if name.startswith(PREFIXES[0]):
        model = name.removeprefix(PREFIXES[0]).partition(".")[0]
        # timm also knows former names, which stand elsewhere in its sources.
        if _sources("timm") and model not in _words("timm"):
            known = REGISTERED.findall(_sources("timm"))
            raise UserError(
                f"encoder.name={name} is not a model of timm"
                f"{did_you_mean(name, [f'{PREFIXES[0]}{each}' for each in known])}; choose one "
                "of timm.list_models()."
            )
    elif not name.startswith(PREFIXES) and not is_factory(name) and name not in list_backbones():
        is_timms = name.partition(".")[0] in REGISTERED.findall(_sources("timm"))
        hint = f" (did you mean timm/{name}?)" if is_timms else did_you_mean(name, list_backbones())
        raise UserError(
            f"encoder.name={name} is not a torchvision classification backbone{hint}; choose one "
            "of torchvision.models.list_models(), timm/NAME, or package.module.factory of your own."
        )


@cache
def _words(package: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", _sources(package)))


@cache
def _sources(package: str) -> str:
    """Return the text of a package's models; empty if it is not installed."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return ""
    files = sorted((Path(spec.origin).parent / "models").glob("*.py"))
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
