"""README.md of a folder for the hub: front matter, how to use the model, and its model card."""

from collections.abc import Iterator
from typing import Any

from aduni.evaluation.trained_model import TrainedModel
from aduni.inference.export.huggingface.folder import ModelFolder
from aduni.inference.export.huggingface.timm_network import TimmNetwork
from aduni.inference.export.huggingface.torch_network import TorchNetwork
from aduni.results.find_checkpoint import tested_checkpoint
from aduni.results.model_card.card import INTENDED, card
from aduni.results.model_card.front_matter import Library, front_matter
from aduni.results.model_card.markdown import bullets, escaped
from aduni.results.model_card.run_data import Content, read_content
from aduni.system.atomic_files import read_json

UNTESTED = (
    "No metrics: this checkpoint lies in no finished run that tested it. Evaluate it before use."
)
TIMM_USE = """\
```python
import timm
import torch
from PIL import Image

model = timm.create_model("local-dir:DIR", pretrained=True).eval()  # of the hub: hf-hub:OWNER/NAME
transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
with torch.inference_mode():
    logits = model(transform(Image.open("photo.jpg").convert("RGB")).unsqueeze(0))
probabilities = (logits / {temperature}).softmax(dim=1)
```

DIR is the folder of this file."""
TORCH_USE = """\
timm cannot open this folder: {reason}. In the folder of this file:

```python
import torch
from safetensors.torch import load_file
{imports}

{backbone}
head = torch.nn.Linear({features}, {classes})
model = torch.nn.ModuleDict({{"backbone": backbone, "head": head}})
model.eval().load_state_dict(load_file("model.safetensors"))
pixels = (images - torch.tensor({mean}).view(3, 1, 1)) / torch.tensor({std}).view(3, 1, 1)
logits = model["head"]({head_input})
probabilities = (logits / {temperature}).softmax(dim=1)
```

`images` are float32, (N, 3, {side}, {side}), RGB from 0 to 1."""


def run_content(trained: TrainedModel) -> Content | None:
    """Return what the run of a checkpoint has measured of it; None if the run has not tested it."""
    run = trained.run
    if not all(file.is_file() for file in (run.metrics, run.predictions, run.split, run.config)):
        return None
    metrics = read_json(run.metrics)
    if "stages" not in metrics or metrics["split_hash"] != trained.split_hash:
        return None
    tested = tested_checkpoint(metrics, run)
    return read_content(metrics, run) if tested.resolve() == trained.path.resolve() else None


def readme(folder: ModelFolder, content: Content | None) -> str:
    """Return the text of README.md."""
    library: Library = "timm" if isinstance(folder.network, TimmNetwork) else "pytorch"
    use = "\n\n".join(_use(folder))
    if content:
        return card(content, use, library)
    description = folder.description
    title = f"# {escaped(description['method'])} on {escaped(description['dataset'])}"
    text = "\n\n".join([title, INTENDED, UNTESTED, f"## Use\n\n{use}"])
    return f"{front_matter(None, library)}{text}\n"


def why_not_timm(network: TimmNetwork | TorchNetwork) -> str | None:
    """Return why timm cannot open a folder; None if it can."""
    if isinstance(network, TimmNetwork):
        return None
    if network.head.is_cosine:
        return "the classifier compares directions, which no classifier of timm does"
    return "timm has no model of these layers and names"


def _use(folder: ModelFolder) -> Iterator[str]:
    description = folder.description
    temperature = description["temperature"]
    if isinstance(folder.network, TimmNetwork):
        yield TIMM_USE.format(temperature=temperature or 1)
    else:
        yield _torch_use(folder.network, description)
    side, names = description["image_size"], map(escaped, description["class_names"])
    yield bullets(
        [
            f"Input: RGB, resized to {side} x {side} pixels whatever the image's shape, bilinear "
            "with antialiasing (Pillow's BILINEAR); then scaled to 0..1, less the mean "
            f"{description['mean']}, divided by the standard deviation {description['std']}",
            f"Temperature: {temperature:.4f}, fitted on the validation part; the logits are "
            "divided by it before the softmax"
            if temperature
            else "Temperature: none, since the model was not calibrated",
            f"Classes, in the order of the outputs: {', '.join(names)}",
            "config.json has these values, and all settings of the training under `aduni`",
        ]
    )


def _torch_use(network: TorchNetwork, description: dict[str, Any]) -> str:
    head = network.head
    values = 'model["backbone"](pixels)'
    imports, *backbone = network.lines
    return TORCH_USE.format(
        reason=why_not_timm(network),
        imports=imports,
        backbone="\n".join(backbone),
        features=head.weight.shape[1],
        classes=len(head.weight),
        head_input=f"torch.nn.functional.normalize({values})" if head.is_cosine else values,
        mean=description["mean"],
        std=description["std"],
        temperature=description["temperature"] or 1,
        side=description["image_size"],
    )
