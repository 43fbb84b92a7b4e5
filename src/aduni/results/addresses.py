"""Names of this package's parts that never change, and where each part is and was.

A configuration names what it builds by its place (`_target_`), and the files of a run keep that
for good: by this table, whatever was stored at any time is found where it is today, and the
identity of a run does not change when a class moves.
"""

from collections.abc import Callable, Mapping
from typing import Any

ADDRESSES: dict[str, tuple[str, ...]] = {
    "aduni.data.APTOS": ("aduni.data.aptos.APTOS",),
    "aduni.data.Archive": ("aduni.data.download.Archive",),
    "aduni.data.Balanced": ("aduni.data.samplers.Balanced",),
    "aduni.data.CSVTable": ("aduni.data.csv_table.CSVTable",),
    "aduni.data.ClassAware": ("aduni.data.samplers.ClassAware",),
    "aduni.data.ColorJitter": ("aduni.data.jitter.ColorJitter",),
    "aduni.data.Digits": ("aduni.data.digits.Digits",),
    "aduni.data.FlippedAffine": ("aduni.data.warp.FlippedAffine",),
    "aduni.data.Folder": ("aduni.data.folder.Folder",),
    "aduni.data.ISIC2018": ("aduni.data.isic2018.ISIC2018",),
    "aduni.data.InstanceBalanced": ("aduni.data.samplers.InstanceBalanced",),
    "aduni.data.MedMNIST": ("aduni.data.medmnist.MedMNIST",),
    "aduni.data.Progressive": ("aduni.data.samplers.Progressive",),
    "aduni.data.Protocol": ("aduni.data.splits.Protocol",),
    "aduni.data.SquareRoot": ("aduni.data.samplers.SquareRoot",),
    "aduni.data.Upsample": ("aduni.data.samplers.Upsample",),
    "aduni.distributed.Ranks": ("aduni.ranks.Ranks",),
    "aduni.losses.balanced_softmax": ("aduni.losses.softmax.balanced_softmax",),
    "aduni.losses.class_balanced": ("aduni.losses.softmax.class_balanced",),
    "aduni.losses.cross_entropy": ("aduni.losses.softmax.cross_entropy",),
    "aduni.losses.focal": ("aduni.losses.softmax.focal",),
    "aduni.losses.logit_adjusted": ("aduni.losses.softmax.logit_adjusted",),
    "aduni.methods.AdUni": ("aduni.methods.aduni.AdUni",),
    "aduni.methods.BALMS": ("aduni.methods.balms.BALMS",),
    "aduni.methods.CICL": ("aduni.methods.cicl.CICL",),
    "aduni.methods.Decouple": ("aduni.methods.decouple.Decouple",),
    "aduni.methods.LDAM": ("aduni.methods.ldam.LDAM",),
    "aduni.methods.PaCo": ("aduni.methods.paco.PaCo",),
    "aduni.methods.PostHoc": ("aduni.methods.post_hoc.PostHoc",),
    "aduni.methods.Softmax": ("aduni.methods.softmax.Softmax",),
    "aduni.models.Encoder": ("aduni.models.encoder.Encoder",),
    "aduni.schedules.constant": ("aduni.schedules.constant",),
    "aduni.schedules.cosine": ("aduni.schedules.cosine",),
    "aduni.schedules.linear": ("aduni.schedules.linear",),
    "aduni.schedules.printed": ("aduni.schedules.printed",),
    "aduni.schedules.released": ("aduni.schedules.released",),
    "aduni.schedules.step": ("aduni.schedules.step",),
    "aduni.training.Dashboard": ("aduni.dashboard.Dashboard",),
}
"""By its lasting name: where a part is, then every place where it was. A part that moves gets its
new place in front; no place is ever taken out, since a kept run may name it."""


def lasting_name(target: str) -> str:
    """The name of a part that never changes; what is not in the table goes by its own."""
    return next((name for name, places in ADDRESSES.items() if target in places), target)


def present_place(target: str) -> str:
    """Where a part is today, whatever it was called when its name was stored."""
    places = ADDRESSES.get(lasting_name(target))
    return places[0] if places else target


def renamed(node: Any, name: Callable[[str], str]) -> Any:
    """A copy of a configuration whose `_target_`s, at any depth, went through `name`."""
    if isinstance(node, Mapping):
        return {
            key: name(value)
            if key == "_target_" and isinstance(value, str)
            else renamed(value, name)
            for key, value in node.items()
        }
    return [renamed(value, name) for value in node] if isinstance(node, list | tuple) else node
