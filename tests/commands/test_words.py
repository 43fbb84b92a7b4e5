"""What a training says: before it begins, at its end, and where a name is mistyped."""

import json
import re
import shlex
import subprocess

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser


@pytest.fixture
def finished_run(train):
    finished, run = train("method=aduni", folder="a b=[c")
    assert finished.status == 0, finished.err
    return finished, run


@pytest.fixture
def train(command, tmp_path, cache, quick):
    """As the shared one, for folders whose names Hydra must be given in quotes."""

    def call(*overrides, folder="run"):
        run = tmp_path / folder
        fixed = (*quick, f"dataset.cache_dir={cache}", f'hydra.run.dir="{run}"')
        return command("train", *fixed, *overrides), run

    return call


def test_a_run_opens_with_what_it_is_and_closes_with_what_to_do(finished_run):
    finished, run = finished_run
    opening, _, closing = finished.out.partition("device ")

    words = " ".join(opening.split())
    for said in (
        "Training aduni on digits, fold 0, seed 0",
        "1797 images: 379 train, 287 validation, 359 test, 772 unused",
        "clean: 5 folds, epoch selected on the validation part",
        "imbalance ratio 18.5",
        "0 111 █",
        "none (sampler=upsample is suggested",
        "alpha released, 1 █▁ 0.0112",
        "train: 2 epochs of 2 batches of 32 images, 4 steps",
    ):
        assert said in words
    lines = opening.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("Training"))
    assert len(lines) - start <= 25
    assert all(len(line) <= 80 for line in lines[start:])
    assert closing.split()[:2] == ["CPU,", "1"]
    log = (run / "train.log").read_text()
    assert "Training aduni on digits" in log
    assert "model_card.md" in log
    assert "\x1b[" not in log
    assert "left, done at" not in finished.out  # it takes no time


def test_the_commands_at_the_end_can_be_copied(finished_run):
    finished, run = finished_run
    (predict,) = [line for line in finished.out.splitlines() if "predict.py" in line]
    echoed = subprocess.run(
        ["bash", "-c", predict.replace("python", "printf '%s\\n'", 1)],
        capture_output=True,
        text=True,
        check=True,
    )
    given = echoed.stdout.splitlines()

    assert given[0] == "src/predict.py"
    (ckpt,) = OverridesParser.create().parse_overrides([given[1]])
    assert ckpt.key_or_group == "ckpt"
    assert ckpt.value() == str(run / "checkpoints" / "best.ckpt")
    assert given[2:] == ["images=DIR", "output=predictions.csv"]


def test_every_run_leaves_its_card(past_run):
    run = past_run("method=aduni")
    text = (run / "model_card.md").read_text()
    metrics = json.loads((run / "metrics.json").read_text())

    assert text.startswith("---\n")
    assert "\n---\n\n# Model card: aduni on digits\n\n**Macro F1 " in text
    assert "**Not a medical device.**" in text
    assert f"| Accuracy | {metrics['test']['accuracy']:.3f} (" in text
    assert f"Temperature {metrics['temperature']:.3f}" in text
    assert "| all | 379 | 287 | 359 | 772 |" in text
    assert str(run.parent) not in text


def test_the_papers_protocol_is_a_caveat_in_the_card(train):
    finished, run = train("protocol=paper", "method=ce", "epochs=1")

    assert finished.status == 0, finished.err
    text = (run / "model_card.md").read_text()
    assert "**Caveat: selected on test; photographs of one lesion" in text
    assert "Not calibrated, as there is no validation part" in text
    assert "Too good: the epoch was selected on these images." in text
    assert "alpha " not in finished.out.partition("device ")[0]


def test_two_stages_are_told_apart(train):
    finished, run = train("method=decouple", "method.classifier=ncm", "epochs=1")

    assert finished.status == 0, finished.err
    words = " ".join(finished.out.split())
    assert "representation: 1 epochs of 2 batches of 32 images, 2 steps" in words
    assert "classifier: found without steps" in words
    assert f"ckpt={run}/checkpoints/best.ckpt" in finished.out


def test_without_a_terminal_epochs_are_lines_and_the_last_one_is_always_there(train, monkeypatch):
    monkeypatch.setattr("aduni.training.callbacks.epoch_lines.MIN_ESTIMATE_SECONDS", 1e-9)
    finished, run = train("method=ce", "epochs=3")

    assert finished.status == 0, finished.err
    for text in (finished.out, (run / "train.log").read_text()):
        first, last = re.findall(r"Epoch \d/3: .*", text)
        assert re.match(r"Epoch 1/3: loss \d\.\d+, validation macro F1 0\.\d+, best 0", first)
        assert "left, done at" in first
        assert last.startswith("Epoch 3/3: ")
        assert "left, done at" not in last


def test_a_finished_run_is_shown_and_said_not_to_be_trained(train):
    train("method=ce", "epochs=1")
    again, run = train("method=ce", "epochs=1", "resume=auto")

    assert again.status == 0, again.err
    assert f"Nothing was trained: {run} holds a finished run" in again.out
    assert "Macro F1" in again.out
    assert "Epoch 1/1" not in again.out


@pytest.mark.usefixtures("blank_figures")
def test_a_multirun_ends_with_the_report_of_it(multirun):
    finished, runs = multirun("method=ce", "fold=0,1", "epochs=1")

    assert finished.status == 0
    *_, last = finished.out.splitlines()
    assert last == f"Next: python src/report.py runs={shlex.quote(str(runs[0].parent))}"
    assert "predict.py" not in finished.out
    assert all((run / "model_card.md").exists() for run in runs)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["bach_size=3"], "did you mean batch_size?"),
        (["dataset.imagesize=3"], "did you mean image_size?"),
        (["methd=aduni"], "did you mean method?"),
        (["image_size=64"], "did you mean dataset.image_size?"),
        (["hidden=64"], "did you mean method.hidden?"),
        (["method=adnui"], "did you mean aduni?"),
        (["-m", "method=ce,adnui"], "did you mean aduni?"),
    ],
)
def test_a_mistyped_name_gets_a_hint_before_anything_is_done(command, tmp_path, words, hint):
    sweep = f"hydra.sweep.dir={tmp_path / 'sweep'}"
    finished = command("train", *words, f"hydra.run.dir={tmp_path / 'run'}", sweep)

    assert finished.status == 1
    (sentence,) = finished.err.splitlines()
    assert hint in sentence
    assert list(tmp_path.rglob("config.yaml")) == []


@pytest.mark.parametrize(
    ("name", "word", "meant"),
    [
        ("predict", "image=x", "images"),
        ("export", "outptu=x", "output"),
        ("evaluate", "cpkt=x", "ckpt"),
        ("explain", "cpkt=x", "ckpt"),
        ("report", "run=x", "runs"),
    ],
)
def test_a_mistyped_key_that_must_be_given_gets_a_hint(command, name, word, meant):
    finished = command(name, word)

    assert finished.status == 1
    key = word.partition("=")[0]
    assert f"{key} is not a known key (did you mean {meant}?)" in finished.err


def test_a_group_of_another_command_is_named(command):
    finished = command("predict", "ckpt=a", "images=b", "output=c.csv", "trainer=cpu")

    assert finished.err == (
        "error: trainer is not a group of this command; --help lists its groups and keys.\n"
    )
