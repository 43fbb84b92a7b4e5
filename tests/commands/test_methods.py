"""Methods through train.py: stages reused and resumed, figures found, methods of one's own."""

import re
import shutil

import pandas as pd
import pytest
import torch

from aduni.results import read_json

LOSS_IMPORTS = """
from pydantic import PositiveFloat
from torch import Tensor
from torch.nn import functional

from aduni.losses.precision import full_precision

"""


def _example(root, kind: str, holding: str) -> str:
    """The code block of CONTRIBUTING.md in which some words stand."""
    blocks = re.findall(rf"```{kind}\n(.*?)```", (root / "CONTRIBUTING.md").read_text(), re.DOTALL)
    (block,) = (block for block in blocks if holding in block)
    return block


def _weights(path):
    state = torch.load(path, weights_only=True)["state_dict"]
    return {key: value for key, value in state.items() if torch.is_tensor(value)}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A user's folder with a method or a loss; returns the override that finds it."""

    def write(name: str, code: str, yaml: str) -> str:
        (tmp_path / f"{name}.py").write_text(code)
        (tmp_path / "conf" / "method").mkdir(parents=True)
        (tmp_path / "conf" / "method" / f"{name}.yaml").write_text(yaml)
        monkeypatch.syspath_prepend(tmp_path)
        return f"hydra.searchpath=[file://{tmp_path / 'conf'}]"

    return write


def test_the_guides_loss_is_one_function_and_one_yaml(train, own, root):
    code = LOSS_IMPORTS + _example(root, "python", "def squared")
    yaml = _example(root, "yaml", "squared").replace("aduni.losses.softmax", "own_loss")
    finished, run = train(own("own_loss", code, yaml), "method=own_loss", "method.loss.scale=0.1")

    assert finished.status == 0, finished.err
    assert read_json(run / "metrics.json")["method"] == "own_loss"
    # Near 0, all logits are: the squared distance to a one-hot label is 1.
    assert pd.read_csv(run / "history.csv")["loss"][0] == pytest.approx(1, abs=0.3)


def test_the_guides_method_is_one_file_and_one_yaml(train, own, root):
    code = _example(root, "python", "class Averaged")
    yaml = _example(root, "yaml", "Averaged").replace("aduni.methods.averaged", "own_method")
    finished, run = train(own("own_method", code, yaml), "method=own_method", "method.dropout=0.1")

    assert finished.status == 0, finished.err
    assert list(pd.read_csv(run / "history.csv")["stage"]) == ["train"] * 2
    assert read_json(run / "metrics.json")["method"] == "own_method"


def test_decouples_first_stage_is_the_ce_run_to_the_bit(train):
    _, plain = train("method=ce", folder="plain")
    _, decoupled = train("method=decouple", "method.classifier=ncm", folder="decoupled")

    first = _weights(plain / "checkpoints" / "last.ckpt")
    second = _weights(decoupled / "representation" / "last.ckpt")
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_one_ce_training_serves_all_second_stages(train):
    _, plain = train("method=ce", folder="plain")
    checkpoint = plain / "checkpoints" / "best.ckpt"
    reused = f"method.stage1_ckpt={checkpoint}"
    choices = [f"method.classifier={kind}" for kind in ("crt", "lws", "tau_norm", "ncm")]

    for choice in choices:
        finished, run = train("method=decouple", choice, reused, folder=choice.split("=")[1])
        assert finished.status == 0, finished.err
        first, second = read_json(run / "metrics.json")["stages"]
        assert (first["handed_over"], first["epochs"]) == (str(checkpoint), 0)
        assert not (run / "representation").exists()
        assert second["name"] == "classifier"
    finished, _ = train("method=balms", "batch_size=40", reused, folder="balms")
    assert finished.status == 0, finished.err


def test_tau_is_chosen_on_the_validation_part_and_written_down(train):
    _, run = train("method=decouple", "method.classifier=tau_norm", "method.tau_grid=[0.5, 1.5]")

    assert read_json(run / "metrics.json")["found"]["tau"] in (0.5, 1.5)


def test_a_first_stage_of_another_fold_is_refused(train):
    _, plain = train("method=ce", folder="plain")
    reused = f"method.stage1_ckpt={plain / 'checkpoints' / 'best.ckpt'}"
    finished, _ = train("method=decouple", "fold=1", reused)

    assert finished.status == 1
    assert "was trained with fold=0, this run has 1" in finished.err


def test_a_first_stage_of_another_split_is_refused(train):
    _, plain = train("method=ce", folder="plain")
    reused = f"method.stage1_ckpt={plain / 'checkpoints' / 'best.ckpt'}"
    finished, _ = train("method=decouple", "protocol.split_seed=1", reused)

    assert finished.status == 1
    assert "was trained with split_hash=" in finished.err


def test_a_first_stage_without_the_weights_is_refused(train):
    _, other = train("method=ldam", folder="other")
    reused = f"method.stage1_ckpt={other / 'checkpoints' / 'best.ckpt'}"
    finished, _ = train("method=decouple", reused)

    assert finished.status == 1
    assert "(method=ldam) does not hold the weights of encoder and classifier" in finished.err


def test_a_first_stage_that_is_missing_is_named(train):
    finished, _ = train("method=cicl", "method.stage1_ckpt=nowhere.ckpt")

    assert finished.status == 1
    assert "nowhere.ckpt is missing" in finished.err
    assert "method.stage1_ckpt" in finished.err


def test_a_finished_stage_is_not_repeated_by_a_resume(train, command, metrics):
    _, run = train("method=decouple")
    whole = metrics(run)
    first = run / "representation" / "last.ckpt"
    written = first.stat().st_mtime_ns
    shutil.rmtree(run / "checkpoints")
    (run / "metrics.json").unlink()
    finished = command("train", f"resume={run}")

    assert finished.status == 0, finished.err
    assert first.stat().st_mtime_ns == written
    assert metrics(run) == whole
    assert list(pd.read_csv(run / "history.csv")["stage"]) == ["representation"] * 2 + [
        "classifier"
    ]
