"""Every kind of encoder is trained, resumed, used and exported, without what it started from."""

import contextlib
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from sklearn.datasets import load_digits

import aduni.training.run as run_module
from aduni.methods.softmax import Softmax
from aduni.system.atomic_files import read_json, read_yaml

OWN = """
import torch
from torch import nn

class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU())
        self.register_buffer("images", torch.zeros((), dtype=torch.long))

    def forward(self, images):
        if self.training:
            self.images += len(images)
        return self.layers(images).mean(dim=(2, 3))
"""

ENCODERS = {
    "torchvision": "encoder.name=shufflenet_v2_x0_5",
    "lite0": "encoder.name=efficientnet_lite0 encoder.weights=DEFAULT",
    "timm's convolutions": "encoder.name=timm/test_resnet",
    "timm's ViT": "encoder.name=timm/test_vit",
    "a folder": "encoder.name=local-dir:FOLDER encoder.weights=DEFAULT",
    "own": "encoder.name=own_encoder.Counting",
}
METHODS = ("ce", "aduni", "decouple")
FAST = (("timm's ViT", "ce"), ("own", "decouple"))
SLOW = (("torchvision", "aduni"), ("lite0", "decouple"), ("timm's convolutions", "ce"))
SLOW += (("a folder", "aduni"),)  # the others are exhaustive


def _marks(*pair: str) -> tuple[pytest.MarkDecorator, ...]:
    if pair in FAST:
        return ()
    return (pytest.mark.slow if pair in SLOW else pytest.mark.exhaustive,)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Write a module outside the package."""
    (tmp_path / "own_encoder.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_encoder", raising=False)
    yield
    sys.modules.pop("own_encoder", None)


@pytest.fixture
def image(tmp_path):
    """Write one of the digits."""
    from PIL import Image

    file = tmp_path / "digit.png"
    Image.fromarray((load_digits().images[7] * 15).astype(np.uint8)).save(file)
    return file


@pytest.fixture
def folder(tmp_path):
    """Write a small ViT as timm writes it for the hub, with a normalisation of its own."""
    torch.manual_seed(0)
    model = timm.create_model("test_vit", img_size=64)
    model.pretrained_cfg |= {"mean": [0.1, 0.2, 0.3]}
    timm.models.save_for_hf(model, tmp_path / "model", model_args={"img_size": 64})
    return tmp_path / "model"


@contextlib.contextmanager
def stopped_in(monkeypatch, epoch: int):
    """End a training with Ctrl-C in an epoch of its first stage."""
    loss = Softmax.loss

    def interrupted(self, batch, number):
        if number == epoch:
            raise KeyboardInterrupt
        return loss(self, batch, number)

    with monkeypatch.context() as patch:
        patch.setattr(Softmax, "loss", interrupted)
        yield


def weights_of(run) -> dict[str, torch.Tensor]:
    state = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    return {key: value for key, value in state.items() if torch.is_tensor(value)}


@pytest.mark.parametrize(
    ("kind", "method"),
    [pytest.param(k, m, marks=_marks(k, m)) for k in ENCODERS for m in METHODS],
)
def test_each_kind_trains_predicts_and_exports(
    kind, method, train, command, own, image, folder, tmp_path
):
    encoder = ENCODERS[kind].replace("FOLDER", str(folder)).split()
    finished, run = train(*encoder, f"method={method}", "dataset.image_size=32")
    assert finished.status == 0, finished.err
    best = f"ckpt={run / 'checkpoints' / 'best.ckpt'}"
    trust = ("trust=[own_encoder]",) * (kind == "own")
    assert finished.out.count("'trust=[own_encoder]' images=DIR") == 2 * (kind == "own")

    again = command("evaluate", best, *trust)
    assert again.status == 0, again.err
    metrics = read_json(run / "metrics.json")
    evaluated = read_json(run / "evaluation" / "best" / "metrics.json")
    assert evaluated["test"] == metrics["test"]
    predicted = command("predict", best, f"images={image}", f"output={tmp_path}/p.csv", *trust)
    assert predicted.status == 0, predicted.err
    assert len(pd.read_csv(tmp_path / "p.csv")) == 1
    exported = command("export", best, "format=onnx", f"output={tmp_path}/m.onnx", *trust)
    assert exported.status == 0, exported.err
    assert float(exported.out.split(" agree to ")[1].split(",")[0]) < 1e-5
    if kind == "own":
        refused = command("predict", best, f"images={image}", f"output={tmp_path}/q.csv")
        assert "trust=[own_encoder]" in refused.err


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["frozen", "finetune"])
def test_recipes_of_pretrained_weights_take_every_kind(
    recipe, command, own, folder, cache, tmp_path
):
    fixed = ("method=ce", f"recipe={recipe}", "epochs=1", "sampler.epoch_length=2", "trainer=cpu")
    fixed += (f"dataset.cache_dir={cache}", "num_workers=0", "encoder.feature_views=1")
    for kind, name in {"hub": f"local-dir:{folder}", "own": "own_encoder.Counting"}.items():
        words = (f"encoder.name={name}", f"hydra.run.dir={tmp_path / kind}")
        finished = command("train", *fixed, *words)
        if kind == "own":
            assert "add encoder.weights=null" in finished.err
            finished = command("train", *fixed, *words, "encoder.weights=null")
        assert finished.status == 0, finished.err


@pytest.mark.slow
def test_a_single_batch_needs_no_features(train, cache):
    words = ("encoder.adaptation=frozen", "epochs=1", "sampler.epoch_length=1")
    before = set(cache.glob("*-features-*"))
    finished, _ = train("method=ce", "dataset.image_size=20", *words)
    assert finished.status == 0, finished.err
    assert set(cache.glob("*-features-*")) == before


@pytest.mark.parametrize("kind", ["timm's ViT", "own"])
def test_a_resumed_run_is_the_uninterrupted_one(kind, train, command, own, monkeypatch):
    words = (ENCODERS[kind], "method=ce", "epochs=3", "dataset.image_size=32")
    whole, expected = train(*words, folder="whole")
    assert whole.status == 0, whole.err
    with stopped_in(monkeypatch, epoch=2):
        stopped, run = train(*words)
    assert stopped.status == 130

    resumed = command("train", f"resume={run}", *(("trust=[own_encoder]",) * (kind == "own")))

    assert resumed.status == 0, resumed.err
    found, before = weights_of(run), weights_of(expected)
    assert all(torch.equal(found[key], value) for key, value in before.items())


@pytest.mark.parametrize("adaptation", ["full", "frozen"])
def test_what_a_run_started_from_may_go(
    adaptation, train, command, metrics, folder, image, tmp_path, monkeypatch
):
    words = (
        *(f"encoder.name=local-dir:{folder}", "encoder.weights=DEFAULT", "dataset.image_size=32"),
        *("method=ce", "epochs=3", f"encoder.adaptation={adaptation}"),
    )
    whole, expected = train(*words, folder="whole")
    assert whole.status == 0, whole.err
    with stopped_in(monkeypatch, epoch=2):
        stopped, run = train(*words)
    assert stopped.status == 130
    encoder = read_yaml(run / "config.yaml")["encoder"]
    assert (encoder["mean"], encoder["architecture"]["name"]) == ([0.1, 0.2, 0.3], "test_vit")

    shutil.rmtree(folder)
    resumed = command("train", f"resume={run}")

    assert resumed.status == 0, resumed.err
    assert metrics(run) == metrics(expected)
    found, before = weights_of(run), weights_of(expected)
    assert all(torch.equal(found[key], value) for key, value in before.items())
    best = f"ckpt={run / 'checkpoints' / 'best.ckpt'}"
    for name, more in {
        "evaluate": (),
        "predict": (f"images={image}", f"output={tmp_path}/p.csv"),
        "explain": (f"images={image}", f"output={tmp_path}/page", "layer=none"),
        "export": ("format=safetensors", f"output={tmp_path}/m.safetensors"),
    }.items():
        finished = command(name, best, *more)
        assert finished.status == 0, finished.err


def test_a_file_may_go_once_a_checkpoint_is_there(train, command, tmp_path, monkeypatch):
    file = tmp_path / "weights.pth"
    torch.save(timm.create_model("test_resnet").state_dict(), file)
    words = ("encoder.name=timm/test_resnet", f"encoder.weights={file}", "method=ce", "epochs=3")
    with stopped_in(monkeypatch, epoch=2):
        _, run = train(*words)
    file.unlink()
    assert command("train", f"resume={run}").status == 0

    # Without an intact checkpoint the stage starts again, from the file.
    with stopped_in(monkeypatch, epoch=2):
        torch.save(timm.create_model("test_resnet").state_dict(), file)
        _, run = train(*words, folder="damaged")
    for checkpoint in run.glob("checkpoints/*.ckpt"):
        checkpoint.write_bytes(b"")
    file.unlink()
    refused = command("train", f"resume={run}")
    assert refused.status == 1
    assert f"encoder.weights={file} cannot be read" in refused.err


def test_a_run_starts_from_an_earlier_one(past_run, train, monkeypatch):
    earlier = past_run("method=aduni", "encoder.mean=[0.1,0.2,0.3]")
    checkpoint = earlier / "checkpoints" / "best.ckpt"
    seen = {}
    build = run_module.build_data_and_method

    def watched(*args):
        data, method = build(*args)
        seen.update({key: value.clone() for key, value in method.encoder.state_dict().items()})
        return data, method

    monkeypatch.setattr(run_module, "build_data_and_method", watched)
    finished, run = train(f"encoder.weights={checkpoint}", "method=ce", folder="next")

    assert finished.status == 0, finished.err
    before = {
        key.removeprefix("method.encoder."): value for key, value in weights_of(earlier).items()
    }
    assert all(torch.equal(value, before[key]) for key, value in seen.items())
    assert read_yaml(run / "config.yaml")["encoder"]["mean"] == [0.1, 0.2, 0.3]
    assert "under method.encoder.backbone." in finished.err


def test_weights_of_another_architecture_stop_a_run_before_it_writes(past_run, train):
    checkpoint = past_run("method=ce") / "checkpoints" / "best.ckpt"

    finished, run = train(
        f"encoder.weights={checkpoint}", "encoder.name=timm/test_resnet", folder="other"
    )

    assert finished.status == 1
    assert "weights of the same architecture" in finished.err
    assert not (run / "config.yaml").exists()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["encoder=timm/test_vit"], "write encoder.name=timm/test_vit"),
        (["encoder=local-dir:/nowhere"], "write encoder.name=local-dir:/nowhere"),
        (["encoder.name=local-dir:/nowhere"], "/nowhere/config.json"),
        (["encoder.weights=nowhere.pth"], "nowhere.pth is missing; set encoder.weights"),
    ],
)
def test_mistakes_are_one_sentence(words, named, train):
    finished, _ = train(*words)

    assert finished.status == 1
    assert named in finished.err
    assert len(finished.err.strip().splitlines()) == 1


def test_exported_descriptions_name_no_folder_of_this_machine(train, command, folder, tmp_path):
    finished, run = train(f"encoder.name=local-dir:{folder}", "method=ce", "dataset.image_size=32")
    assert finished.status == 0, finished.err
    output = tmp_path / "m.safetensors"
    best = f"ckpt={run / 'checkpoints' / 'best.ckpt'}"

    exported = command("export", best, "format=safetensors", f"output={output}")

    assert exported.status == 0, exported.err
    assert str(tmp_path).encode() not in output.read_bytes()
