"""Mistakes end in one sentence that says what to do, status 1, and nothing half-written."""

import re

import pandas as pd
import pytest
from filelock import FileLock

from aduni.results.run_folder import RunFolder

MISTAKES = {
    "fold=7": ["fold=7", "folds 0 to 4"],
    "fold=all": ["fold=all is not valid: it should be a valid integer; write a whole number."],
    "epochs=": ["epochs= is not valid: it should be a valid integer; write a whole number."],
    "seed=null": ["seed=null is not valid", "write a whole number"],
    "save_features=ja": ["save_features=ja is not valid", "write true or false"],
    "trust=timm": ["trust=timm is not valid: it should be a valid list; write trust=[timm]."],
    "method=CE": ["method=CE does not exist (did you mean ce?)"],
    "dataset=isic18": ["dataset=isic18 does not exist (did you mean isic2018?)"],
    "dataset=ISIC2018": ["dataset=ISIC2018 does not exist (did you mean isic2018?)"],
    "encoder=resnet50": ["encoder=resnet50 does not exist; write encoder.name=resnet50."],
    "encoder=ResNet-50": ["encoder=ResNet-50 does not exist; write encoder.name=resnet50."],
    "encoder=vit_b_16": ["write encoder.name=vit_b_16."],
    "encoder=nothing": [
        "encoder=nothing does not exist",
        "choose one of efficientnet_lite0, resnet18",
    ],
    "METHOD=ce": ["METHOD is not a known key (did you mean method?)"],
    "learning_rate=0.1": ["learning_rate is not a known key (did you mean lr?)"],
    "model=resnet50": ["model is not a known key (did you mean encoder.name?)"],
    "model=aduni": ["model is not a known key (did you mean method=aduni?)"],
    "device=cpu": ["device is not a known key (did you mean trainer=cpu?)"],
    "dataset_root=/x": ["dataset_root is not a known key (did you mean dataset.root?)"],
    "dataset.csv=x.csv": ["is not a known key (dataset=csv has it; data=FILE stands for both)"],
    "image_size=32": ["image_size is not a known key (did you mean dataset.image_size?)"],
    "image_siz=32": ["image_siz is not a known key (did you mean dataset.image_size?)"],
    "dropuot=0.1": ["dropuot is not a known key (did you mean method.dropout?)"],
    "weigths=x": ["weigths is not a known key (did you mean encoder.weights?)"],
    "method.queue_size=8": ["method.queue_size is not a known key (method=paco has it)"],
    "+epochs=3": ["epochs exists already; write epochs= without +."],
    "+method=ce": ["method is chosen already; write method= without +."],
    "~foo": ["foo does not exist, so it cannot be taken away; leave ~foo out."],
    "dataset.cache_dir=/a${b}": ["${b} names no key; write the value itself"],
    "trainer.accelerator=tpu": ["finds no TPU that PyTorch can use here; write trainer=cpu."],
    "method=adnui": ["method=adnui does not exist", "did you mean aduni?", "one of aduni, "],
    "experiment=paper_aptoss": ["experiment=paper_aptoss does not exist", "mean paper_aptos?"],
    "hparams_search=fold": ["hparams_search=fold does not exist", "did you mean folds?"],
    "dataset.image_size=abc": ["dataset.image_size=abc is not valid"],
    "dataset=aptoss": ["dataset=aptoss does not exist", "did you mean aptos?"],
    "sede=1": ["sede is not a known key", "did you mean seed?"],
    "method.temperture=1": ["method.temperture is not a known key", "did you mean temperature?"],
    "dataset.imagesize=1": ["dataset.imagesize is not a known key", "did you mean image_size?"],
    "+method.bta=1": ["method.bta is not an option", "did you mean beta?); remove it."],
    "+stray=1": ["stray is not a known key"],
    "lr=fast": ["lr=fast", "number"],
    "lr=nan": ["lr=nan"],
    "lr=0": ["lr=0", "greater than 0"],
    "epochs=-1": ["epochs=-1", "greater than 0"],
    "epochs=1.5": ["epochs=1.5", "integer"],
    "lr=inf": ["lr=inf", "finite number"],
    "lr=0.0005": ["lr_min=0.001 is larger than lr=0.0005", "lower lr_min or raise lr"],
    "optimizer.momentum=nan": ["optimizer.momentum=nan", "finite number"],
    "optimizer.momentum=1": ["optimizer.momentum=1", "less than 1"],
    "momentum=0.8": ["momentum is not a known key (did you mean optimizer.momentum?)"],
    "+optimizer.lr=0.1": ["optimizer.lr is not an option of aduni.training.sgd"],
    "alpha.maximum=inf": ["alpha.maximum=inf", "finite number"],
    "batch_size=1": ["batch_size=1", "greater than or equal to 2"],
    "seed=-1": ["seed=-1", "greater than or equal to 0"],
    "dataset.image_size=0": ["dataset.image_size=0", "greater than or equal to 16"],
    "dataset.mean=[0.5]": ["dataset.mean=[0.5]", "at least 3 items"],
    "dataset.mean=grey": ["dataset.mean=grey", "valid list"],
    "dataset.std=[1,1,0]": ["dataset.std.2=0", "greater than or equal to 0.0001"],
    "encoder.std=[1,1,1,1]": ["encoder.std=[1, 1, 1, 1]", "at most 3 items"],
    "dataset.imbalance_ratio=0.5": ["dataset.imbalance_ratio=0.5", "greater than or equal to 1"],
    "method.weighting=both": ["method.weighting=both", "'released' or 'printed'"],
    "method.temperature=0": ["method.temperature=0", "greater than 0"],
    "method.dropout=1": ["method.dropout=1", "less than 1"],
    "alpha.maximum=-1": ["alpha.maximum=-1", "greater than or equal to 0"],
    "sampler.epoch_length=0": ["sampler.epoch_length=0", "greater than 0"],
    "protocol.folds=1": ["protocol.folds=1", "greater than or equal to 2"],
    "protocol.folds=500": ["Class 8", "too few for 500 folds"],
    "protocol.validation_fraction=0.4": ["validation_fraction=0.4 is not", "take 0.3333 or 0.5"],
    "protocol.validation_fraction=0.15": ["validation_fraction=0.15 is not", "0.1429 or 0.1667"],
    "encoder.name=resnet19": ["encoder.name=resnet19", "did you mean resnet18?"],
    "encoder.stem=tiny": ["encoder.stem=tiny", "'auto', 'standard' or 'small'"],
    "trainer.precision=99": ["Trainer", "Precision 99 is invalid"],
    "batch_size=5000": ["batch_size=5000 is larger than the training part", "batch_size=379"],
    "fold=[1": ["fold=[1 cannot be read"],
    "epochs": ["epochs cannot be read", "write epochs=VALUE"],
    "resume=nowhere": ["resume=nowhere holds no run"],
    "protocol.split_file=nowhere.csv": ["nowhere.csv is missing", "set protocol.split_file"],
    "hydra.run.dir=/dev/null/run": ["/dev/null", "check the path"],
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_on_the_command_line_is_one_sentence(train, mistake):
    finished, run = train(mistake)

    assert finished.status == 1
    (sentence,) = finished.err.splitlines()
    assert sentence.startswith("error: ")
    assert sentence.endswith(".")
    for words in MISTAKES[mistake]:
        assert words in sentence
    assert not (run / "metrics.json").exists()
    assert not (run / "checkpoints").exists()


@pytest.fixture
def experiment(tmp_path):
    """Arguments that choose an experiment of one's own, which sets an option of its method."""
    file = tmp_path / "conf" / "experiment" / "mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(
        "# @package _global_\ndefaults:\n  - override /method: aduni\n\n"
        "method:\n  logit_adjustment: sampled\n"
    )
    return f"hydra.searchpath=[file://{tmp_path / 'conf'}]", "experiment=mine"


def test_an_experiment_of_another_method_is_named_and_not_its_keys(train, experiment):
    finished, _ = train(*experiment, "method=ce")

    assert finished.status == 1
    assert finished.err == (
        "error: experiment=mine sets method.logit_adjustment, which is not an option of "
        "aduni.methods.Softmax; remove method=ce or experiment=mine.\n"
    )


@pytest.mark.parametrize("key", ["queue_size", "queue.size"])
@pytest.mark.parametrize("others", [(), ("method=ldam", "~method.logit_adjustment")])
def test_a_key_that_was_typed_is_blamed_beside_an_experiment(train, experiment, key, others):
    finished, _ = train(*experiment, *others, f"+method.{key}=8")

    assert finished.err.startswith(f"error: method.{key.partition('.')[0]} is not an option of ")
    assert finished.err.endswith("; remove it.\n")


def test_a_batch_smaller_than_the_classes_cannot_be_upsampled(train):
    finished, _ = train("sampler=upsample", "batch_size=9")

    assert finished.status == 1
    assert "sampler=upsample" in finished.err
    assert "batch_size=10 or more" in finished.err


@pytest.mark.parametrize("dataset", ["isic2018", "aptos"])
def test_a_missing_root_says_how_to_get_the_data(train, tmp_path, dataset):
    finished, _ = train(f"dataset={dataset}", f"dataset.root={tmp_path / 'nothing'}")

    (sentence,) = finished.err.splitlines()
    assert finished.status == 1
    assert str(tmp_path / "nothing") in sentence
    assert "dataset.root" in sentence
    assert "prepare.py" in sentence or "kaggle.com" in sentence


@pytest.mark.parametrize("value", ["true", "True", "1"])
def test_verbose_shows_the_traceback(train, value):
    from aduni.errors import UserError

    with pytest.raises(UserError, match="fold=7"):
        train("fold=7", f"verbose={value}")


def test_verbose_can_be_switched_off(train):
    finished, _ = train("fold=7", "verbose=false")

    assert finished.err.startswith("error: fold=7")


@pytest.mark.parametrize("word", ["trainer=gpu", "trainer.accelerator=cuda"])
def test_a_missing_gpu_is_said_before_anything_is_done(train, monkeypatch, word):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    finished, run = train(word)

    name = word.partition("=")[2]
    assert finished.status == 1
    assert finished.err == (
        f"error: trainer.accelerator={name} finds no {name.upper()} that PyTorch can use here; "
        "write trainer=cpu.\n"
    )
    assert not (run / "config.yaml").exists()


def test_another_configuration_is_refused(command):
    finished = command("train", "--config-name", "x")

    assert finished.err == "error: There is no configuration x; leave --config-name out.\n"


def test_a_folder_without_a_run_cannot_be_resumed(command, tmp_path):
    # No hydra.run.dir: Hydra itself asks for the folder, and wraps the answer.
    finished = command("train", f"resume={tmp_path}")

    assert finished.status == 1
    assert finished.err == f"error: resume={tmp_path} holds no run: config.yaml is missing there.\n"


def test_an_exploding_loss_stops_names_its_step_and_keeps_the_last_good_checkpoint(train):
    finished, run = train("lr=1e12", "epochs=4", "sampler.epoch_length=4", "method=ce")

    assert finished.status == 1
    sentence = finished.err.splitlines()[-1]
    assert "The loss is no longer finite in epoch 1, step" in sentence
    assert "lower lr" in sentence
    assert not (run / "metrics.json").exists()
    kept = (run / "checkpoints" / "last.ckpt").exists()
    assert kept == ((run / "history.csv").exists())
    _names_the_batch(run, sentence, batch_size=32)


def _names_the_batch(run, sentence: str, batch_size: int) -> None:
    """The log has the ids of the images of the step that the sentence names."""
    log = (run / "train.log").read_text()
    assert "no longer finite" in log
    epoch, step = re.search(r"epoch (\d+), step (\d+)", sentence).groups()
    (line,) = re.findall(rf"Images of epoch {epoch}, step {step}: (.*)", log)
    named = [image.strip("'") for image in line.split(", ")]
    split = pd.read_csv(run / "split.csv", dtype=str).set_index("image")
    assert len(named) == len(set(named)) == batch_size  # sampler=none draws each once
    assert set(split.loc[named, "part"]) == {"train"}


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_last_step_that_spoils_the_weights_is_noticed(train, epochs):
    finished, run = train("lr=1e12", f"epochs={epochs}", "sampler.epoch_length=1", "method=ce")

    assert finished.status == 1
    sentence = finished.err.splitlines()[-1]
    assert "no longer finite after epoch 1, step 1" in sentence
    _names_the_batch(run, sentence, batch_size=32)
    assert not (run / "checkpoints").exists()
    assert not (run / "predictions.csv").exists()


def test_the_fold_must_exist_under_a_split_file_too(train, past_run):
    run = past_run("epochs=1")
    finished, _ = train(f"protocol.split_file={run / 'split.csv'}", "fold=7", folder="other")

    assert finished.status == 1
    assert "fold=7 does not exist" in finished.err


def test_a_run_that_another_process_trains_is_left_alone(train, tmp_path, monkeypatch):
    monkeypatch.setattr("aduni.results.run_folder.LOCK_SECONDS", 0.1)
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    with FileLock(folder.lock):
        finished, run = train()

    assert finished.status == 1
    assert f"{run} is being trained by another process" in finished.err
    assert not (run / "config.yaml").exists()


def test_a_folder_that_holds_a_run_is_not_written_over(train, past_run):
    past_run("epochs=1")
    finished, run = train("epochs=1")

    assert finished.status == 1
    assert f"{run} already holds a run" in finished.err
    assert "resume=" in finished.err


def test_an_overflow_of_half_precision_names_its_batch(train, monkeypatch):
    from aduni.methods.softmax import Softmax

    def overflowing(self, batch, epoch):
        rows = batch.indices
        if overflowing.step == 2:
            monkeypatch.setattr(overflowing, "rows", rows.tolist(), raising=False)
        factor = 6e4 if overflowing.step == 2 else 1.0
        overflowing.step += 1
        logits = self(batch.views[0]).half() * factor * 10  # 65504 is the largest half number
        return {"loss": logits.float().abs().mean()}

    overflowing.step = 0
    monkeypatch.setattr(Softmax, "loss", overflowing)
    finished, run = train("method=ce", "epochs=1", "sampler.epoch_length=4")

    assert finished.status == 1
    sentence = finished.err.splitlines()[-1]
    assert "The loss is no longer finite in epoch 1, step 3" in sentence
    _names_the_batch(run, sentence, batch_size=32)
    log = (run / "train.log").read_text()
    named = re.search("Images of epoch 1, step 3: (.*)", log).group(1)
    images = pd.read_csv(run / "split.csv", dtype=str)["image"]
    assert named == ", ".join(repr(images[row]) for row in overflowing.rows)
