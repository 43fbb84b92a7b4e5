"""Exported files contain the description, no paths, and only weights that predictions use."""

import json
import re
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import onnx
import pytest
import safetensors.torch
import torch
from exported_models import TRUST, exported
from torchvision.models import get_model

from aduni.errors import UserError
from aduni.inference.export import onnx_file
from aduni.inference.export.exported_graph import ExportedModel, exporting
from aduni.inference.export.formats import FORMATS
from aduni.inference.export.safetensors_file import load

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def aduni(tmp_path_factory):
    """Export a model of the small encoder to all three formats."""
    folder = tmp_path_factory.mktemp("aduni")
    model = exported(folder, "method=aduni")
    return model, {name: model.write(name, folder) for name in FORMATS}


def _descriptions(files):
    """Read the descriptions without this package."""
    with ZipFile(files["pt2"]) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("extra/aduni"))
        yield archive.read(name)
    yield {p.key: p.value for p in onnx.load(files["onnx"]).metadata_props}["aduni"]
    yield _header(files["safetensors"])["__metadata__"]["aduni"]


def _header(file):
    """Read the header of a safetensors file: its length in eight bytes, then JSON."""
    content = file.read_bytes()
    return json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])


def test_the_description_is_in_every_file(aduni):
    model, files = aduni
    for text in _descriptions(files):
        assert json.loads(text) == model.description


def test_the_description_has_what_serving_needs(tmp_path):
    size = ("encoder.name=shufflenet_v2_x0_5", "method=ce")
    found = exported(tmp_path, *size, tiny=False).description

    assert found["class_names"] == [f"class {i}" for i in range(10)]
    assert (found["image_size"], found["colours"]) == (16, "RGB")
    assert (found["mean"], found["std"]) == ([0.31] * 3, [0.37] * 3)
    assert found["temperature"] == found["calibration"]["temperature"] == 1.7
    assert (found["method"], found["encoder"]) == ("ce", "shufflenet_v2_x0_5")
    assert (found["split_hash"], found["epoch"]) == ("abc", 1)
    assert found["class_counts"] == list(range(3, 13))
    assert found["versions"]["torch"] == version("torch")
    assert "antialiasing" in found["resize"]


def test_the_guide_names_every_entry(aduni):
    model, _ = aduni
    guide = (ROOT / "docs" / "export.md").read_text()
    rows = re.findall(r"^\| (`.*?) \|", guide.split("## The description")[1], re.MULTILINE)

    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(model.description)


def test_paths_of_settings_keep_their_last_part(tmp_path):
    paths = (f"dataset.cache_dir={tmp_path}", f"method.stage1_ckpt={tmp_path}/stage1.ckpt")
    found = exported(tmp_path, "method=decouple", *paths).description["settings"]

    assert (found["dataset"]["root"], found["dataset"]["cache_dir"]) == ("", "")
    assert found["method"]["stage1_ckpt"] == "stage1.ckpt"
    assert found["method"]["classifier"] == "crt"


def test_no_path_of_the_machine_is_in_a_file(aduni):
    model, files = aduni
    content = b"".join(file.read_bytes() for file in files.values())
    with ZipFile(files["pt2"]) as archive:
        content += b"".join(archive.read(name) for name in archive.namelist())

    assert model.trained.settings.dataset["root"].endswith("secret_root")
    for secret in (b"secret_root", str(ROOT).encode(), b"site-packages"):
        assert secret not in content


def test_what_predictions_do_not_read_stays_behind_and_changes_nothing(tmp_path):
    model = exported(tmp_path, "method=paco")
    state = safetensors.torch.load_file(model.write("safetensors", tmp_path))

    kept = {name.split(".")[0] for name in state}
    assert kept == {"encoder", "classifier", "class_frequencies"}  # no queue, no momentum copies
    assert model.difference("safetensors", tmp_path, (32,)) < 1e-6


def test_what_predictions_read_from_a_buffer_is_kept(tmp_path):
    model = exported(tmp_path, "method=logit_adjustment_post_hoc")
    state = safetensors.torch.load_file(model.write("safetensors", tmp_path))

    assert state["class_counts"].tolist() == list(range(3, 13))


def test_an_onnx_file_has_one_dimension_open_and_all_weights_inside(aduni):
    _, files = aduni
    model = onnx.load(files["onnx"], load_external_data=False)
    onnx.checker.check_model(model, full_check=True)

    def shape(value):
        return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]

    (images,) = model.graph.input
    assert (images.name, shape(images)) == ("images", ["batch", 3, 16, 16])
    assert images.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    outputs = {value.name: shape(value) for value in model.graph.output}
    assert outputs == {"logits": ["batch", 10], "probabilities": ["batch", 10]}
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_a_model_too_large_for_one_onnx_file_is_refused(aduni, refusal, monkeypatch):
    model, _ = aduni
    monkeypatch.setattr(onnx_file, "MAX_BYTES", 1000)

    call = lambda: FORMATS["onnx"].encode(model.model, {})  # noqa: E731
    refusal(call, "GB of weights", "format=onnx", "format=pt2")


def _guide_blocks():
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "export.md").read_text(), re.DOTALL)


@pytest.mark.filterwarnings("ignore:The given buffer is not writable")  # torch 2.11, of pt2
@pytest.mark.parametrize("number", [0, 1])
def test_the_guides_lines_give_the_checkpoints_probabilities(number, tmp_path, monkeypatch):
    backbone = number == 1  # of this package, so that its settings are trusted
    model = exported(tmp_path, "method=ce", "encoder.name=shufflenet_v2_x0_5", tiny=not backbone)
    model.write("safetensors" if number else "pt2", tmp_path)
    monkeypatch.chdir(tmp_path)
    scope = {"images": torch.from_numpy(model.images)}
    exec(_guide_blocks()[number], scope)

    with torch.inference_mode():
        found = scope["probabilities"].detach().numpy()
    assert np.abs(found - model.probabilities).max() < 1e-6
    assert number == 1 or scope["class_names"] == model.trained.class_names


def test_the_guides_lines_give_torchvision_the_backbone(tmp_path, monkeypatch):
    name = "shufflenet_v2_x0_5"
    model = exported(tmp_path, "method=ce", f"encoder.name={name}", tiny=False)
    model.write("safetensors", tmp_path)
    monkeypatch.chdir(tmp_path)
    scope = {"encoder": name}
    exec(_guide_blocks()[2], scope)

    encoder = model.trained.method.encoder
    network, images = scope["network"].eval(), torch.from_numpy(model.images)
    network.fc = torch.nn.Identity()
    with torch.no_grad():
        assert torch.equal(network(encoder.normalised(images)), encoder(images))
    assert type(network) is type(get_model(name))


def test_safetensors_rebuild_only_what_a_checkpoint_may(aduni, refusal):
    _, files = aduni

    refusal(lambda: load(files["safetensors"]), "exported_models.Tiny", "trust=[exported_models]")
    assert isinstance(load(files["safetensors"], TRUST), ExportedModel)


def _rewritten(source: Path, target: Path, **changes):
    """Rewrite a file with other entries in its description, without those that are `...`."""
    description = json.loads(_header(source)["__metadata__"]["aduni"]) | changes
    description = {k: v for k, v in description.items() if v is not ...}
    state = safetensors.torch.load_file(source)
    target.write_bytes(safetensors.torch.save(state, {"aduni": json.dumps(description)}))
    return target


def test_other_files_are_no_models(aduni, refusal, tmp_path):
    _, files = aduni
    whole = files["safetensors"]
    weights = safetensors.torch.load_file(whole)
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(safetensors.torch.save(weights))
    half = tmp_path / "half.safetensors"
    half.write_bytes(whole.read_bytes()[:300])
    lists = _rewritten(whole, tmp_path / "lists.safetensors", class_counts=...)
    other = _rewritten(whole, tmp_path / "other.safetensors", class_counts=[1, 2])

    refusal(lambda: load(tmp_path / "none.safetensors", TRUST), "none.safetensors is missing")
    for file in (foreign, half, lists):
        refusal(lambda file=file: load(file, TRUST), file.name, "was not written by export.py")
    refusal(lambda: load(other, TRUST), "other.safetensors", "another model")


def test_an_exporters_failure_is_one_sentence(tmp_path, refusal):
    model = exported(tmp_path, "method=ce")
    forward = type(model.model.method.encoder).forward

    class Choosy(torch.nn.Module):
        def forward(self, images):
            return forward(kept, images) * (2 if images.float().mean() > 100 else 1)

    kept = model.model.method.encoder
    model.model.method.encoder = Choosy()
    for name in ("onnx", "pt2"):
        words = (f"cannot be exported as {name}", "format=safetensors")
        refusal(lambda name=name: FORMATS[name].encode(model.model, {}), *words)


def test_pt2_extra_file_is_read_by_torch_alone(aduni):
    model, files = aduni
    extra = {"aduni": ""}
    torch.export.load(BytesIO(files["pt2"].read_bytes()), extra_files=extra)

    assert json.loads(extra["aduni"]) == model.description


def test_an_exporters_error_without_words_is_named_by_its_kind():
    with pytest.raises(UserError, match=r"as pt2 \(ValueError\)"), exporting("pt2"):
        raise ValueError
