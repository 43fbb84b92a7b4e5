"""Methods through train.py: stages reused and resumed, figures found, methods of one's own."""

import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import torch

from aduni.errors import UserError
from aduni.methods.balms import BALMS
from aduni.system.atomic_files import read_json

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


@pytest.mark.parametrize(
    ("holding", "file"),
    [("def squared", "losses/softmax.py"), ("class Averaged", "methods/averaged.py")],
)
def test_the_guides_code_passes_ruff_in_the_file_that_it_names(root, holding, file):
    path = root / "src" / "aduni" / file
    code = _example(root, "python", holding)
    if path.exists():
        code = f"{path.read_text()}\n\n{code}"

    for action in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *action, "--stdin-filename", str(path), "-"]
        finished = subprocess.run(ruff, cwd=root, input=code, capture_output=True, text=True)
        assert finished.returncode == 0, finished.stdout + finished.stderr


def test_decouples_first_stage_is_the_ce_run_to_the_bit(train, past_run):
    plain = past_run("method=ce", folder="plain")
    _, decoupled = train("method=decouple", "method.classifier=ncm", folder="decoupled")

    first = _weights(plain / "checkpoints" / "last.ckpt")
    second = _weights(decoupled / "representation" / "last.ckpt")
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_crt_that_neither_forgets_nor_learns_is_the_first_stages_best(train):
    options = ("method.classifier_share=0", "method.reinitialise=false", "epochs=6", "lr=0.3")
    finished, run = train("method=decouple", *options)

    assert finished.status == 0, finished.err
    first, last, final = (
        _weights(run / path)
        for path in (
            "representation/best.ckpt",
            "representation/last.ckpt",
            "checkpoints/best.ckpt",
        )
    )
    assert first.keys() >= final.keys() > set()
    assert all(torch.equal(first[key], final[key]) for key in final)
    assert any(not torch.equal(last[key], final[key]) for key in final)


def test_one_ce_training_serves_all_second_stages(train, past_run):
    plain = past_run("method=ce", folder="plain")
    checkpoint = plain / "checkpoints" / "best.ckpt"
    reused = f"method.stage1_ckpt={checkpoint}"
    choices = [f"method.classifier={kind}" for kind in ("crt", "ncm")]  # with steps, and without

    for choice in choices:
        finished, run = train("method=decouple", choice, reused, folder=choice.split("=")[1])
        assert finished.status == 0, finished.err
        first, second = read_json(run / "metrics.json")["stages"]
        assert (first["handed_over"], first["epochs"]) == (str(checkpoint), 0)
        assert [file.name for file in (run / "representation").iterdir()] == ["best.ckpt"]
        assert second["name"] == "classifier"
    finished, _ = train("method=balms", "batch_size=40", reused, folder="balms")
    assert finished.status == 0, finished.err


def test_tau_is_chosen_on_the_validation_part_and_written_down(train):
    _, run = train("method=decouple", "method.classifier=tau_norm", "method.tau_grid=[0.5, 1.5]")

    assert read_json(run / "metrics.json")["found"]["tau"] in (0.5, 1.5)


def test_a_first_stage_of_another_fold_or_split_is_refused(train, past_run):
    plain = past_run("method=ce", folder="plain")
    reused = f"method.stage1_ckpt={plain / 'checkpoints' / 'best.ckpt'}"
    other_fold, _ = train("method=decouple", "fold=1", reused)
    other_split, _ = train("method=decouple", "protocol.split_seed=1", reused)

    assert (other_fold.status, other_split.status) == (1, 1)
    assert "was trained with fold=0, this run has 1" in other_fold.err
    assert "was trained with split_hash=" in other_split.err


def test_a_first_stage_of_another_data_set_is_refused(train, aptos):
    other = ("dataset=aptos", f"dataset.root={aptos.root}", "dataset.image_size=16")
    trained, plain = train("method=ce", *other, "batch_size=16", "epochs=1", folder="plain")
    assert trained.status == 0, trained.err
    checkpoint = plain / "checkpoints" / "best.ckpt"
    finished, run = train("method=decouple", f"method.stage1_ckpt={checkpoint}")

    _check_refusal(finished, run, checkpoint, "trained with dataset=aptos, this run has digits")


@pytest.mark.parametrize(
    ("method", "stage"),
    [("aduni", "train"), ("ldam", "train"), ("ce", "train"), ("decouple", "classifier")],
)
def test_a_first_stage_of_another_loss_is_refused(train, past_run, method, stage):
    mixup = ["method.mixing.kind=mixup"] if method == "ce" else []
    other = past_run(f"method={method}", *mixup, "epochs=1", folder="other")
    checkpoint = other / "checkpoints" / "best.ckpt"
    finished, run = train("method=decouple", f"method.stage1_ckpt={checkpoint}")

    who = f"(method={method}, stage {stage}) was trained by "
    _check_refusal(finished, run, checkpoint, who, "not by loss=cross_entropy, mixup=0.0")


def test_cicls_first_stage_serves_another_cicl_which_says_how_it_was_trained(train):
    # QUICK's sampler=none is overridden: an earlier run may have had another one.
    given = ("method=cicl", "sampler=balanced", "seed=3", "epochs=1")
    trained, other = train(*given, folder="other")
    assert trained.status == 0, trained.err
    checkpoint = other / "representation" / "last.ckpt"
    reused = ("method=cicl", f"method.stage1_ckpt={checkpoint}")
    finished, run = train(*reused)

    assert finished.status == 0, finished.err
    first, _ = read_json(run / "metrics.json")["stages"]
    how = {"method": "cicl", "sampler": "balanced", "seed": 3, "epochs": 1}
    assert first.pop("trained_by").items() >= how.items()
    assert first == {
        "name": "representation",
        "epochs": 0,
        "handed_over": str(checkpoint),
        "epoch": 0,
    }
    theirs, ours = _weights(checkpoint), _weights(run / "checkpoints" / "best.ckpt")
    learned = [key for key in ours if key.startswith(("method.encoder.", "method.projector."))]
    assert all(torch.equal(theirs[key], ours[key]) for key in learned)

    smaller, run = train(*reused, "method.hidden=64", folder="smaller")
    _check_refusal(smaller, run, checkpoint, "does not hold the weights of encoder and projector")


def test_an_empty_name_of_a_first_stage_is_refused(train):
    finished, run = train("method=decouple", "method.stage1_ckpt=")

    _check_refusal(finished, run, "method.stage1_ckpt=", "at least 1 character")


def _check_refusal(finished, run, *words) -> None:
    (sentence,) = finished.err.splitlines()
    assert finished.status == 1
    assert sentence.startswith("error: ")
    assert "method.stage1_ckpt=" in sentence
    for word in words:
        assert str(word) in sentence
    assert not (run / "history.csv").exists()


def test_balms_is_refused_before_its_first_stage_if_its_second_cannot_draw(train):
    finished, run = train("method=balms", "batch_size=16")

    (sentence,) = finished.err.splitlines()
    assert finished.status == 1
    assert "batch_size=16 does not give this stage 2 images of each class" in sentence
    assert "batch_size=20 or more" in sentence
    assert not (run / "history.csv").exists()
    assert not (run / "representation").exists()


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


def test_a_reused_stage_stays_in_the_run_that_took_it(train, past_run, command, metrics):
    plain = past_run("method=ce", folder="plain")
    reused = f"method.stage1_ckpt={plain / 'checkpoints' / 'best.ckpt'}"
    _, run = train("method=decouple", reused)
    whole, weights = metrics(run), _weights(run / "checkpoints" / "best.ckpt")
    shutil.rmtree(plain)
    shutil.rmtree(run / "checkpoints")
    (run / "metrics.json").unlink()
    finished = command("train", f"resume={run}")

    assert finished.status == 0, finished.err
    assert metrics(run) == whole
    again = _weights(run / "checkpoints" / "best.ckpt")
    assert again.keys() == weights.keys()
    assert all(torch.equal(again[key], weights[key]) for key in weights)


def test_a_resume_within_the_second_stage_gives_the_same_weights(
    train, command, metrics, monkeypatch
):
    options = ("method=balms", "epochs=2", "method.classifier_share=1")
    options += ("method.classifier_sampler.epoch_length=2",)
    whole = train(*options, folder="whole")[1]
    learn, losses = BALMS.classifier_loss, []

    def stop(self, batch, epoch):
        losses.append(learn(self, batch, epoch))
        if len(losses) == 3:  # the second epoch's first step
            raise UserError("stopped")
        return losses[-1]

    with monkeypatch.context() as patch:
        patch.setattr(BALMS, "classifier_loss", stop)
        stopped, run = train(*options)
    assert stopped.err == "error: stopped\n"
    assert not (run / "metrics.json").exists()
    finished = command("train", f"resume={run}")

    assert finished.status == 0, finished.err
    assert metrics(run) == metrics(whole)
    first, second = (_weights(each / "checkpoints" / "last.ckpt") for each in (whole, run))
    assert "method.meta_sampler.weights" in first
    assert all(torch.equal(first[key], second[key]) for key in first)
    columns = ["stage", "epoch", "loss", "rate_0"]
    histories = [pd.read_csv(each / "history.csv")[columns] for each in (whole, run)]
    pd.testing.assert_frame_equal(*histories)
    assert list(histories[0]["epoch"]) == [0, 1, 0, 1]
