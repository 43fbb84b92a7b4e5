"""python src/export.py: files that give what their checkpoint gives, one of them without torch."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from aduni.evaluation.trained_model import load_trained
from aduni.inference.images import read_image

WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; import runpy; sys.argv = sys.argv[1:]; "
LINE = r"{} \(\d+\.\d MiB\): (\d+) images agree to (\S+), the largest difference of a probability\."


@pytest.fixture
def photographs(tmp_path):
    """Three images of several sizes and shapes, one of them to be turned upright."""
    rng = np.random.default_rng(0)
    files = []
    for number, size in enumerate([(40, 30), (16, 16), (25, 70)]):
        coarse = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
        exif = Image.Exif()
        exif[0x0112] = 6 if number == 0 else 1
        files.append(tmp_path / "photographs" / f"{number}.png")
        files[-1].parent.mkdir(exist_ok=True)
        coarse.resize(size, Image.Resampling.BICUBIC).save(files[-1], exif=exif)
    return files


def _original(ckpt, files):
    """(n, C) probabilities of the checkpoint, calibrated."""
    trained = load_trained(ckpt)
    images = np.stack([read_image(file, trained.image_size) for file in files])
    with torch.inference_mode():
        logits = trained.method(torch.from_numpy(images)).double().numpy()
    scaled = logits / trained.calibration.temperature
    powers = np.exp(scaled - scaled.max())
    return trained.class_names, powers / powers.sum(axis=1, keepdims=True)


def _served(root, model, files):
    """What the example prints in a process that cannot import torch, as (n, C) numbers."""
    example = str(root / "examples" / "serve_onnx.py")
    run = WITHOUT_TORCH + "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", run, example, str(model), *map(str, files)]
    finished = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    assert finished.returncode == 0, finished.stderr
    lines = [line.split(" ") for line in finished.stdout.splitlines()]
    assert [line[0] for line in lines] == [str(file) for file in files]
    return [dict(word.split("=") for word in line[1:]) for line in lines]


def test_a_model_is_exported_and_served_without_torch(command, train, root, tmp_path, photographs):
    finished, run = train("method=ce", "encoder.name=resnet18")  # fewer layers to trace
    assert finished.status == 0, finished.err
    ckpt = run / "checkpoints" / "best.ckpt"
    place = tmp_path / "new" / "folder"

    for name, images in (("onnx", ""), ("pt2", ""), ("safetensors", photographs[0].parent)):
        output = place / f"model.{name}"
        given = (f"images={images}",) if images else ()
        finished = command("export", f"ckpt={ckpt}", f"format={name}", f"output={output}", *given)
        assert (finished.status, finished.err) == (0, ""), name
        line = re.fullmatch(LINE.format(re.escape(str(output))), finished.out.rstrip("\n"))
        assert int(line[1]) == (3 if images else 32)
        assert float(line[2]) < 1e-5
    assert sorted(file.name for file in place.iterdir()) == [
        "model.onnx",
        "model.pt2",
        "model.safetensors",
    ]

    names, expected = _original(ckpt, photographs)
    served = _served(root, place / "model.onnx", photographs)
    assert [list(row) for row in served] == [names] * 3
    found = np.array([[float(value) for value in row.values()] for row in served])
    assert np.abs(found - expected).max() < 1e-5
    assert expected.std(axis=0).max() > 1e-3  # the images differ in what they give


def test_the_example_is_20_lines(root):
    text = (root / "examples" / "serve_onnx.py").read_text()

    assert len(text.splitlines()) <= 20
    assert set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE)) == {
        *("json", "sys", "numpy", "onnxruntime", "PIL")
    }


OWN = """
import torch
from aduni.methods.softmax import Softmax

KIND = "plain"

class Odd(Softmax):
    def forward(self, images):
        logits = super().forward(images)
        if KIND == "choosy" and logits.mean() > 100:
            return logits * 2
        if KIND == "two-faced" and torch.compiler.is_compiling():
            return logits.flip(1)
        return logits
"""


def test_what_cannot_be_exported_or_differs_leaves_no_file(command, train, tmp_path, monkeypatch):
    (tmp_path / "own_export.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    few = ("epochs=1", "encoder.name=resnet18")  # layers to trace
    finished, run = train(*few, "method=ce", "method._target_=own_export.Odd")
    assert finished.status == 0, finished.err
    output = tmp_path / "out" / "model.pt2"
    output.parent.mkdir()
    output.write_text("an older file")
    given = (f"ckpt={run / 'checkpoints' / 'best.ckpt'}", "format=pt2", f"output={output}")

    untrusted = command("export", *given)
    refused = {}
    for kind in ("choosy", "two-faced"):
        monkeypatch.setattr(sys.modules["own_export"], "KIND", kind)
        refused[kind] = command("export", *given, "trust=[own_export]")

    assert "add trust=[own_export]" in untrusted.err
    assert "cannot be exported as pt2" in refused["choosy"].err
    assert "was not kept: its probabilities differ" in refused["two-faced"].err
    for finished in (untrusted, *refused.values()):
        assert finished.status == 1
        assert finished.err.count("\n") == 1
    assert [file.read_text() for file in output.parent.iterdir()] == ["an older file"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("output=a.onnx",), "ckpt is missing; give it on the command line"),
        (("ckpt={}/a.ckpt",), "output is missing; give it on the command line"),
        (("ckpt=nowhere.ckpt", "output={}/a.onnx"), "nowhere.ckpt is missing; give a checkpoint"),
        (
            ("ckpt={}/foreign.ckpt", "output={}/a.onnx"),
            "foreign.ckpt was not written by this project",
        ),
        (
            ("ckpt={}/a.ckpt", "format=tflite", "output=a.onnx"),
            "choose one of onnx, pt2, safetensors, huggingface",
        ),
        (("ckpt={}/a.ckpt", "format=pt2", "output=a.onnx"), "does not end in .pt2"),
        (("ckpt={}/a.ckpt", "output={}/folder.onnx"), "folder.onnx is a folder; give"),
        (("ckpt={}/a.ckpt", "output={}/foreign.ckpt/a.onnx"), "foreign.ckpt: File exists; check"),
        (
            ("ckpt={}/a.ckpt", "output=/proc/a.onnx"),
            "/proc/a.onnx: No such file or directory; check",
        ),
        (
            ("ckpt={}/a.ckpt", "output=a.onnx", "formt=pt2"),
            "formt is not a known key (did you mean",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(given, sentence, command, tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "foreign.ckpt")
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "a.ckpt").touch()
    before = sorted(tmp_path.rglob("*"))

    finished = command("export", *(word.format(tmp_path) for word in given))

    assert finished.status == 1
    assert sentence in finished.err
    assert finished.err.startswith("error: ")
    assert finished.err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_the_extra_is_named_before_anything_is_read(command, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    (tmp_path / "no.ckpt").touch()
    finished = command("export", f"ckpt={tmp_path / 'no.ckpt'}", f"output={tmp_path / 'a.onnx'}")

    assert finished.status == 1
    assert "needs onnxscript; add the extra with pip install 'aduni[export]'" in finished.err
