"""Read configurations that earlier versions stored: names of classes and places of options.

Configurations name what they build (`_target_`) by package-level names such as
`aduni.methods.PaCo`, which do not change when a class moves to another module.
"""

from collections.abc import Mapping
from typing import Any

FORMER: dict[str, str] = {
    "aduni.dashboard.Dashboard": "aduni.training.WandbRunLogger",
    "aduni.data.aptos.APTOS": "aduni.data.APTOS",
    "aduni.data.csv_table.CSVTable": "aduni.data.CSVTable",
    "aduni.data.digits.Digits": "aduni.data.Digits",
    "aduni.data.download.Archive": "aduni.data.Archive",
    "aduni.data.folder.Folder": "aduni.data.Folder",
    "aduni.data.isic2018.ISIC2018": "aduni.data.ISIC2018",
    "aduni.data.jitter.ColorJitter": "aduni.data.ColorJitter",
    "aduni.data.medmnist.MedMNIST": "aduni.data.MedMNIST",
    "aduni.data.samplers.Balanced": "aduni.data.Balanced",
    "aduni.data.samplers.ClassAware": "aduni.data.ClassAware",
    "aduni.data.samplers.InstanceBalanced": "aduni.data.InstanceBalanced",
    "aduni.data.samplers.Progressive": "aduni.data.Progressive",
    "aduni.data.samplers.SquareRoot": "aduni.data.SquareRoot",
    "aduni.data.samplers.Upsample": "aduni.data.Upsample",
    "aduni.data.splits.Protocol": "aduni.data.Protocol",
    "aduni.data.warp.FlippedAffine": "aduni.data.FlippedAffine",
    "aduni.losses.softmax.balanced_softmax": "aduni.losses.balanced_softmax",
    "aduni.losses.softmax.cross_entropy": "aduni.losses.cross_entropy",
    "aduni.losses.softmax.focal": "aduni.losses.focal",
    "aduni.losses.softmax.logit_adjusted": "aduni.losses.logit_adjusted",
    "aduni.methods.aduni.AdUni": "aduni.methods.AdUni",
    "aduni.methods.balms.BALMS": "aduni.methods.BALMS",
    "aduni.methods.cicl.CICL": "aduni.methods.CICL",
    "aduni.methods.decouple.Decouple": "aduni.methods.Decouple",
    "aduni.methods.ldam.LDAM": "aduni.methods.LDAM",
    "aduni.methods.paco.PaCo": "aduni.methods.PaCo",
    "aduni.methods.post_hoc.PostHoc": "aduni.methods.PostHoc",
    "aduni.methods.softmax.Softmax": "aduni.methods.Softmax",
    "aduni.models.encoder.Encoder": "aduni.models.Encoder",
    "aduni.ranks.Ranks": "aduni.distributed.MonitoredDDPStrategy",
}
"""Package-level name by the module path that was stored before there were such names.

No entry is ever removed, since a kept run may use it.
"""


SGD_OPTIONS = ("momentum", "weight_decay")
"""Options of SGD that stood at the top level before there were other optimizers."""


NO_CLASS_WEIGHTS: dict[str, Any] = {
    "_target_": "aduni.methods.ClassWeights",
    "weights": None,
    "deferred": 0.0,
    "divide_by": "weights",
}
"""Node of the group `class_weights` that has no effect; `class_weights=none` without other keys."""

NO_MIXING: dict[str, Any] = {
    "_target_": "aduni.methods.Mixing",
    "kind": "none",
    "a": None,
    "probability": None,
    "plain_share": None,
}
"""Node of `method.mixing` that has no effect."""

CLASS_BALANCED = ("aduni.losses.class_balanced", "aduni.losses.softmax.class_balanced")
"""Names of a loss that was cross-entropy times weights by effective numbers."""


def package_level_name(target: str) -> str:
    """Return the name under which a stored target is found today."""
    return FORMER.get(target, target)


def with_package_level_names(node: Any) -> Any:
    """Copy a configuration with every `_target_`, at any depth, as a package-level name."""
    if isinstance(node, Mapping):
        return {
            key: package_level_name(value)
            if key == "_target_" and isinstance(value, str)
            else with_package_level_names(value)
            for key, value in node.items()
        }
    return [*map(with_package_level_names, node)] if isinstance(node, list | tuple) else node


def with_optimizer(config: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a configuration with SGD's options in the group `optimizer`, where they are today."""
    if "optimizer" in config or not set(SGD_OPTIONS) <= config.keys():
        return dict(config)
    options = {key: config[key] for key in SGD_OPTIONS}
    others = {key: value for key, value in config.items() if key not in SGD_OPTIONS}
    target = {"_target_": "aduni.training.sgd", "_partial_": True}
    return {**others, "optimizer": {**target, **options, "decay_norms_and_biases": True}}


def with_class_weights(config: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a configuration with the class weights of LDAM and `class_balanced` in their group.

    Both have the losses that they had: the weighted mean of LDAM was divided by the sum of the
    weights, that of `class_balanced` by the number of images.
    """
    method = config.get("method")
    if "class_weights" in config or not isinstance(method, Mapping):
        return dict(config)
    loss = method.get("loss")
    if "reweight" in method:
        options = ("reweight", "defer_until", "beta")
        reweight, deferred, beta = (method.get(option) for option in options)
        method = {key: value for key, value in method.items() if key not in options}
        node = _effective_numbers(beta, deferred, "weights")
        if reweight == "none":
            node["weights"] = None
    elif isinstance(loss, Mapping) and loss.get("_target_") in CLASS_BALANCED:
        node = _effective_numbers(loss.get("beta"), 0.0, "images")
        plain = {key: value for key, value in loss.items() if key != "beta"}
        method = {**method, "loss": {**plain, "_target_": "aduni.losses.cross_entropy"}}
    else:
        return dict(config)
    groups = {"method": {**method, "class_weights": node}, "class_weights": node}
    names = config.get("names")
    if isinstance(names, Mapping):
        option = "none" if node["weights"] is None else "effective"
        groups["names"] = {**names, "class_weights": option}
    return {**config, **groups}


def with_mixing(config: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a configuration with `method.mixup`, the parameter of mixup, in `method.mixing`."""
    method = config.get("method")
    if not isinstance(method, Mapping) or "mixup" not in method:
        return dict(config)
    others = {key: value for key, value in method.items() if key != "mixup"}
    is_on = method["mixup"] != 0
    own = {"kind": "mixup", "a": method["mixup"]} if is_on else {}
    return {**config, "method": {**others, "mixing": {**NO_MIXING, **own}}}


def _effective_numbers(beta: Any, deferred: Any, divide_by: str) -> dict[str, Any]:
    """Return the node of conf/class_weights/effective.yaml with other values."""
    weights = {"_target_": "aduni.losses.effective_number_weights", "_partial_": True, "beta": beta}
    own = {"weights": weights, "deferred": deferred, "divide_by": divide_by}
    return {**NO_CLASS_WEIGHTS, **own}
