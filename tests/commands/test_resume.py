"""A run that was killed goes on as if nothing had happened."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import torch
from hydra import compose, initialize_config_dir

from aduni.config.resume import logger_for, resume_settings
from aduni.errors import UserError
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import read_yaml, write_yaml
from composing import CONF, settings_of
from own_data import blotches, class_folders

OPTIONS = ("epochs=4", "sampler=upsample", "method=aduni")


def _weights(run):
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


@pytest.fixture
def killed(root, quick, tmp_path, cache):
    """A run that SIGKILL met after its second epoch; test_kills.py has loader processes."""
    run = tmp_path / "killed"
    arguments = [*quick, *OPTIONS, f"dataset.cache_dir={cache}", f"hydra.run.dir={run}"]
    process = subprocess.Popen(
        [sys.executable, root / "src" / "train.py", *arguments],
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    history = run / "history.csv"
    while process.poll() is None and not (history.exists() and len(pd.read_csv(history)) >= 2):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return run


@pytest.mark.slow
def test_two_epochs_and_two_more_are_four(past_run, command, killed, metrics):
    whole = past_run(*OPTIONS, folder="whole")
    assert not (killed / "metrics.json").exists()
    finished = command("train", f"resume={killed}")

    assert finished.status == 0, finished.err
    assert metrics(whole) == metrics(killed)
    first, second = _weights(whole), _weights(killed)
    assert all(torch.equal(first[key], second[key]) for key in first)
    columns = ["epoch", "loss", "alpha", "lr", "validation_macro_f1"]
    histories = [pd.read_csv(run / "history.csv")[columns] for run in (whole, killed)]
    pd.testing.assert_frame_equal(*histories)


@pytest.fixture
def stored(tmp_path):
    """Writes a run's configuration; returns a call of `resume_settings` with a command line."""
    folder = RunFolder(tmp_path)

    def store(*overrides: str):
        write_yaml(settings_of(*overrides).model_dump(), folder.config)
        folder.history.write_text("stage,epoch,loss\ntrain,0,1.0\n")

        def go_on(*given: str):
            return resume_settings(settings_of(*given), given, folder)

        return go_on

    return store


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("alpha.maximum=0.5", "alpha.maximum=1.0"),
        ("alpha=constant", "alpha=released"),
        ("seed=1", "seed=0"),
        ("method=ce", "method=aduni"),
        ("dataset=aptos", "dataset=digits"),
        ("precision=bf16-mixed", "precision=32-true"),
        ("++method.dropout=0.1", "method.dropout=0.5"),
        ("~method.dropout", "method.dropout=0.5"),
    ],
)
def test_a_resume_cannot_change_the_configuration(stored, tmp_path, refusal, change, named):
    go_on = stored("trainer=cpu")
    key = named.partition("=")[0]

    refusal(lambda: go_on(f"resume={tmp_path}", change), f"{key} cannot be changed", named)
    refusal(lambda: go_on("resume=auto", "trainer=cpu", change), f"{key} cannot be changed")


def test_a_group_inside_a_method_cannot_be_changed_either(stored, tmp_path, refusal):
    go_on = stored("method=decouple")
    change = ("method=decouple", "sampler@method.classifier_sampler=upsample")

    key = "method.classifier_sampler._target_ cannot be changed"
    refusal(lambda: go_on(f"resume={tmp_path}", *change), key)


def test_a_resume_by_folder_takes_what_is_not_given_from_the_run(stored, tmp_path):
    go_on = stored("seed=3", "alpha.maximum=0.5")
    settings = go_on(f"resume={tmp_path}", "alpha=released", "method=aduni")

    assert (settings.seed, settings.alpha["maximum"]) == (3, 0.5)


def test_auto_is_given_all_settings(stored, refusal):
    """It may have to start the run: what is left out is the default, not what the run has."""
    go_on = stored("seed=3")

    assert go_on("resume=auto", "seed=3").seed == 3
    refusal(lambda: go_on("resume=auto"), "seed cannot be changed", "seed=3")


@pytest.mark.parametrize("bits", [(), ("dataset.bits=16",), ("dataset.bits=auto",)])
def test_a_run_from_before_an_option_has_its_neutral_value(tmp_path, refusal, bits):
    own = ("dataset=folder", f"dataset.root={tmp_path}")
    stored = settings_of(*own).model_dump()
    del stored["dataset"]["bits"]
    folder = RunFolder(tmp_path)
    write_yaml(stored, folder.config)
    folder.history.write_text("stage,epoch,loss\ntrain,0,1.0\n")

    for resume in ("auto", str(tmp_path)):
        given = (*own, *bits, f"resume={resume}")
        call = partial(resume_settings, settings_of(*given), given, folder)
        if bits == ("dataset.bits=auto",):
            refusal(call, "dataset.bits cannot be changed", "started with dataset.bits=16")
        else:
            assert call().resume == str(tmp_path)


def test_a_run_from_before_there_were_optimizers_and_recipes_goes_on(stored, tmp_path, refusal):
    go_on = stored("recipe=scratch", "optimizer.momentum=0.8")
    folder = RunFolder(tmp_path)
    config = read_yaml(folder.config)
    sgd = config.pop("optimizer")
    earlier = {**config, "momentum": sgd["momentum"], "weight_decay": sgd["weight_decay"]}
    del earlier["names"]["recipe"], earlier["names"]["optimizer"]
    write_yaml(earlier, folder.config)

    given = ("recipe=scratch", "optimizer.momentum=0.8", "resume=auto")
    assert go_on(*given).optimizer == sgd
    assert go_on(f"resume={tmp_path}").optimizer == sgd
    other = ("recipe=scratch", "optimizer=adamw", "resume=auto")
    refusal(lambda: go_on(*other), "optimizer._target_ cannot be changed")


def test_another_optimizer_is_refused_by_its_name(stored, tmp_path, refusal):
    go_on = stored("recipe=scratch", "optimizer=sgd", "optimizer.decay_norms_and_biases=false")

    assert go_on("optimizer=sgd", f"resume={tmp_path}").optimizer["decay_norms_and_biases"] is False
    refusal(
        lambda: go_on("optimizer=adamw", f"resume={tmp_path}"),
        "optimizer cannot be changed",
        "optimizer=sgd",
    )
    go_on = stored("recipe=scratch", "optimizer.momentum=0.8")
    refusal(
        lambda: go_on("optimizer.momentum=0.5", f"resume={tmp_path}"),
        "optimizer.momentum cannot be changed",
        "optimizer.momentum=0.8",
    )


APTOS = ("dataset=aptos", "trainer=cpu")


@pytest.fixture
def earlier(tmp_path):
    """A run on APTOS from before the order of shear and rotation could be chosen."""
    stored = settings_of(*APTOS).model_dump()
    del stored["dataset"]["augment"][0]["order"], stored["lr_schedule"]
    folder = RunFolder(tmp_path)
    write_yaml(stored, folder.config)
    folder.history.write_text("stage,epoch,loss\ntrain,0,1.0\n")
    return folder


def test_a_run_from_before_the_order_of_shear_keeps_its_views(earlier, tmp_path, refusal):
    order, key = "dataset.augment.0.order", "dataset.augment.0.order cannot be changed"
    for resume, given in (("auto", (f"{order}=shear_last",)), (str(tmp_path), ())):
        words = (*APTOS[:1] * (resume == "auto"), "trainer=cpu", *given, f"resume={resume}")
        settings = resume_settings(settings_of(*APTOS, *given, f"resume={resume}"), words, earlier)
        assert settings.dataset["augment"][0].get("order", "shear_last") == "shear_last"
        assert settings.lr_schedule == "cosine"

    for resume, given in (("auto", ()), (str(tmp_path), (f"{order}=shear_first",))):
        words = (*given, f"resume={resume}")
        call = partial(resume_settings, settings_of(*APTOS, *words), words, earlier)
        refusal(call, key, f"{order}=shear_last")


def test_a_value_in_a_list_cannot_be_changed_either(stored, tmp_path, refusal):
    go_on = stored(*APTOS)
    change = (*APTOS, "dataset.augment.1.hue=[0,0]")
    for resume in ("auto", str(tmp_path)):
        refusal(lambda r=resume: go_on(f"resume={r}", *change), "dataset.augment.1.hue")
    assert go_on(f"resume={tmp_path}", *APTOS, "dataset.augment.1.hue=[-0.1,0.1]")


def test_the_number_of_processes_may_change(stored, tmp_path):
    go_on = stored("trainer=ddp", "trainer.devices=4")
    one = go_on(f"resume={tmp_path}", "trainer.devices=1")

    assert (one.trainer["devices"], one.trainer["strategy"]) == (1, one.trainer["strategy"])
    assert go_on("resume=auto", "trainer=ddp", "trainer.devices=2").trainer["devices"] == 2
    assert go_on(f"resume={tmp_path}", "trainer=ddp").trainer["devices"] == 4


@pytest.mark.parametrize("trainer", ["cpu", "auto"])
def test_the_device_may_change(stored, tmp_path, trainer):
    go_on = stored("trainer=gpu")
    accelerator = settings_of(f"trainer={trainer}").trainer["accelerator"]
    ways = (
        (f"resume={tmp_path}", f"trainer={trainer}"),
        (f"resume={tmp_path}", f"trainer.accelerator={accelerator}"),
        ("resume=auto", f"trainer={trainer}"),
    )

    for way in ways:
        changed = go_on(*way).trainer
        assert changed == settings_of(f"trainer={trainer}").trainer


@pytest.mark.parametrize("by", ["folder", "auto"])
def test_one_process_may_become_several_and_several_one(stored, tmp_path, by):
    resume = "resume=auto" if by == "auto" else f"resume={tmp_path}"
    several = settings_of("trainer=ddp", "trainer.devices=2").trainer

    alone = stored("trainer=ddp", "trainer.devices=2")(resume, "trainer=cpu").trainer
    assert (alone["devices"], alone.get("strategy")) == (1, None)
    joined = stored("trainer=cpu")(resume, "trainer=ddp", "trainer.devices=2").trainer
    assert joined | {"sync_batchnorm": False} == several


def test_the_batch_norm_of_several_processes_cannot_be_changed(stored, tmp_path, refusal):
    go_on = stored("trainer=ddp", "trainer.sync_batchnorm=true")

    refusal(lambda: go_on(f"resume={tmp_path}", "trainer=cpu"), "trainer.sync_batchnorm cannot")


def test_a_group_named_again_moves_no_folder(stored, tmp_path):
    go_on = stored("dataset=isic2018", "dataset.root=/moved")

    assert go_on(f"resume={tmp_path}", "dataset=isic2018").dataset["root"] == "/moved"


def test_auto_begins_anew_what_trained_nothing(stored):
    go_on = stored("seed=3")
    folder = go_on("resume=auto", "seed=3").resume
    RunFolder(Path(folder)).history.unlink()
    fresh = go_on("resume=auto", "seed=4", "method=ce")

    assert (fresh.seed, fresh.names.method, fresh.resume) == (4, "ce", None)


@pytest.mark.parametrize("resume", [[], ["resume=auto"]])
def test_a_start_that_failed_does_not_keep_its_folder(
    train, past_run, monkeypatch, metrics, resume
):
    from aduni.methods.softmax import Softmax

    def failing(self, batch, epoch):
        raise UserError("The first step fails; take another.")

    first = ("method=ce", "epochs=2", "seed=1")
    with monkeypatch.context() as patched:
        patched.setattr(Softmax, "loss", failing)
        failed, run = train(*first)
    assert failed.status == 1
    assert (run / "config.yaml").exists()
    other = ("method=balanced_softmax", "epochs=1", "seed=2")
    finished, _ = train(*other, *resume)
    whole = past_run(*other, folder="whole")

    assert finished.status == 0, finished.err
    assert metrics(run) == metrics(whole)
    assert (run / "split.csv").read_bytes() == (whole / "split.csv").read_bytes()


def test_a_refused_first_stage_does_not_keep_its_folder(train, past_run, tmp_path, metrics):
    first = past_run("epochs=1", "method=ce", folder="first")
    balms = ("epochs=1", "method=balms", "method.classifier_share=1", "seed=1")
    ckpt = f"method.stage1_ckpt={first / 'checkpoints' / 'best.ckpt'}"
    (tmp_path / "other.ckpt").write_bytes(b"no checkpoint")
    for options in ((f"method.stage1_ckpt={tmp_path / 'other.ckpt'}",), (ckpt, "fold=1")):
        failed, run = train(*balms, *options)
        assert failed.status == 1
        assert (run / "config.yaml").exists()
    finished, _ = train(*balms, ckpt)

    assert finished.status == 0, finished.err
    assert metrics(run)["stages"][0]["handed_over"] == str(first / "checkpoints" / "best.ckpt")


def test_auto_starts_a_run_then_continues_it_then_shows_it(train, tmp_path, metrics):
    started, run = train("epochs=1", "resume=auto")
    assert started.status == 0, started.err
    first = metrics(run)
    (run / "metrics.json").unlink()
    trained = (run / "checkpoints" / "last.ckpt").stat().st_mtime_ns
    assert train("epochs=1", "resume=auto")[0].status == 0
    written = (run / "metrics.json").stat().st_mtime_ns
    shown, _ = train("epochs=1", "resume=auto")

    assert metrics(run) == first
    assert (run / "checkpoints" / "last.ckpt").stat().st_mtime_ns == trained
    assert "Macro F1" in shown.out
    assert (run / "metrics.json").stat().st_mtime_ns == written
    assert {folder.name for folder in tmp_path.iterdir()} == {"run"}


def test_auto_starts_what_was_killed_before_it_was_a_run(train):
    _, run = train("epochs=1", "seed=-1")
    assert (run / "train.log").exists()
    finished, _ = train("epochs=1", "resume=auto")

    assert finished.status == 0, finished.err


def test_auto_continues_each_job_of_a_sweep_in_its_own_folder(multirun):
    options = ("resume=auto", "epochs=1", "fold=0,1")
    finished, runs = multirun(*options)
    assert finished.status == 0, finished.err
    (runs[1] / "metrics.json").unlink()
    before = (runs[0] / "metrics.json").stat().st_mtime_ns
    finished, again = multirun(*options)

    assert finished.status == 0, finished.err
    assert again == runs
    assert (runs[0] / "metrics.json").stat().st_mtime_ns == before
    assert (runs[1] / "metrics.json").exists()


def test_a_single_run_is_continued_in_its_own_folder_alone(past_run, command, tmp_path):
    run = past_run("epochs=1")
    elsewhere = tmp_path / "elsewhere"
    sweep = ("-m", "fold=0,1", f"hydra.sweep.dir={elsewhere}")

    for further in (sweep, [f"hydra.run.dir={elsewhere}"]):
        finished = command("train", *further, f"resume={run}")
        assert finished.status == 1
        assert "leave out -m and hydra.run.dir, or give resume=auto" in finished.err
        assert not elsewhere.exists()
    assert command("train", f"resume={run}", f"hydra.run.dir='{run}'").status == 0


CAPABILITIES = (1, 2)  # of root: to write and to read whatever permissions say


def _without_privileges() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in CAPABILITIES if os.geteuid() == 0 else ():
        assert libc.prctl(24, capability, 0, 0, 0) == 0, os.strerror(ctypes.get_errno())


@pytest.mark.slow
def test_a_run_that_is_not_to_be_written_to_is_a_sentence(past_run, root):
    run = past_run("epochs=1")
    (run / "metrics.json").unlink()
    for path in (run, *run.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    finished = subprocess.run(
        [sys.executable, root / "src" / "train.py", f"resume={run}"],
        cwd=root,
        preexec_fn=_without_privileges,
        capture_output=True,
        text=True,
    )
    run.chmod(0o755)

    assert finished.returncode == 1
    log = run / "train.log"
    assert (
        finished.stderr == f"error: {log}: Permission denied; check the path and its permissions.\n"
    )


def test_the_split_stays_whatever_became_of_the_data(train, past_run, root):
    run = past_run("epochs=1")
    (run / "metrics.json").unlink()
    split = pd.read_csv(run / "split.csv")
    split.drop(index=0).to_csv(run / "split.csv", index=False)
    finished, _ = train("epochs=1", f"resume={run}")

    assert finished.status == 1
    assert "split.csv is the split of other images" in finished.err


@pytest.fixture
def stopped(train, tmp_path):
    """A run on class folders that stopped after its last epoch, its pictures, and its options."""
    files = class_folders(tmp_path / "skin")
    options = ("dataset=folder", f"dataset.root={tmp_path / 'skin'}", "dataset.image_size=32")
    options += ("epochs=1", "batch_size=8", "method=ce")
    finished, run = train(*options)
    assert finished.status == 0, finished.err
    (run / "metrics.json").unlink()
    return run, files, options


@pytest.mark.parametrize("resume", ["{run}", "auto"])
def test_a_resume_with_other_pictures_is_refused_by_name(train, stopped, resume):
    run, files, options = stopped
    time = files[3].stat().st_mtime_ns
    for file in files[3:5]:
        blotches(500 + len(file.name)).save(file)
        os.utime(file, ns=(time, time))
    written = sorted(file.name for file in run.rglob("*"))
    finished, _ = train(*options, f"resume={resume.format(run=run)}")

    assert finished.status == 1
    sentence = "2 of 32 source files (first benign/003.png) in .* were changed since .* began; rest"
    assert re.search(sentence.replace("(", r"\(").replace(")", r"\)"), finished.err), finished.err
    assert sorted(file.name for file in run.rglob("*")) == written


@pytest.mark.parametrize("sources", ["kept", "of an earlier version"])
def test_a_resume_with_the_same_pictures_elsewhere_goes_on(train, stopped, tmp_path, sources):
    run, _, options = stopped
    (tmp_path / "moved").mkdir()
    root = (tmp_path / "skin").rename(tmp_path / "moved" / "skin")
    if sources != "kept":
        (run / "sources.csv").unlink()
    finished, _ = train(*options, f"resume={run}", f"dataset.root={root}")

    assert finished.status == 0, finished.err


def test_a_test_on_other_pictures_says_so(command, stopped, tmp_path):
    run, files, _ = stopped
    ckpt, output = f"ckpt={run / 'checkpoints' / 'best.ckpt'}", f"output={tmp_path / 'again'}"
    same = command("evaluate", ckpt, output)
    blotches(500).save(files[3])
    other = command("evaluate", ckpt, output)

    assert (same.status, same.err) == (0, "")
    assert other.status == 0
    assert "1 of 32 source files (first benign/003.png) in " in other.err
    assert f"are not those that {run / 'checkpoints' / 'best.ckpt'} was trained on" in other.err


def test_what_no_result_depends_on_may_change(train, past_run, tmp_path):
    run = past_run("epochs=1")
    (run / "metrics.json").unlink()
    cache = tmp_path / "moved"
    finished, _ = train("epochs=1", f"resume={run}", "num_workers=1", f"dataset.cache_dir={cache}")

    assert finished.status == 0, finished.err
    assert list(cache.iterdir())


def test_an_option_is_called_by_its_name(train, past_run):
    run = past_run("epochs=1")
    (run / "metrics.json").unlink()
    finished, _ = train("epochs=1", f"resume={run}", "alpha=constant")

    assert "was started with alpha=released" in finished.err


def test_a_finished_run_returns_at_once(train, past_run):
    run = past_run("epochs=1")
    written = (run / "metrics.json").stat().st_mtime_ns
    finished, _ = train("epochs=1", f"resume={run}")

    assert finished.status == 0
    assert "Macro F1" in finished.out
    assert (run / "metrics.json").stat().st_mtime_ns == written


def test_a_damaged_configuration_is_refused(train, past_run):
    run = past_run("epochs=1")
    (run / "metrics.json").unlink()
    (run / "config.yaml").write_text("epochs: [")
    finished, _ = train(f"resume={run}")

    assert finished.status == 1
    assert "config.yaml is not readable as YAML" in finished.err


@pytest.mark.parametrize("words", ["method=aduni", "method=paco", "optimizer=adamw lr=0.002"])
def test_a_truncated_newest_checkpoint_changes_no_result(train, past_run, metrics, words):
    options = ("epochs=3", *words.split())
    whole = past_run(*options, folder="whole")
    run = past_run(*options)
    (run / "metrics.json").unlink()
    last = run / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:-1000])
    finished, _ = train(*options, "resume=auto")

    sentence = "damaged; the run goes on from previous.ckpt."
    assert finished.status == 0, finished.err
    assert [line.endswith(sentence) for line in finished.err.splitlines()].count(True) == 1
    assert (run / "train.log").read_text().count(sentence) == 1
    assert metrics(run) == metrics(whole)
    first, second = _weights(whole), _weights(run)
    assert all(torch.equal(first[key], second[key]) for key in first)
    histories = [pd.read_csv(path / "history.csv").drop(columns="seconds") for path in (whole, run)]
    pd.testing.assert_frame_equal(*histories)


def test_flags_amid_the_keys_are_a_sentence(command):
    finished = command("train", "seed=1", "-m", "fold=0,1")

    assert finished.status == 2
    assert "fold=0,1 cannot stand behind a flag" in finished.err
    assert "put flags first" in finished.err


@pytest.mark.parametrize("several", ["devices=2", "devices=auto", "devices=-1", "devices=[0,1]"])
@pytest.mark.parametrize("trainer", ["cpu", "gpu", "auto"])
def test_several_processes_are_those_of_ddp(refusal, tmp_path, trainer, several):
    def fresh(*given: str):
        return resume_settings(settings_of(*given), given, RunFolder(tmp_path))

    overrides = (f"trainer={trainer}", f"trainer.{several}")

    refusal(lambda: fresh(*overrides), "trainer.devices=", "add trainer=ddp")
    refusal(lambda: fresh(f"trainer={trainer}", "+trainer.num_nodes=2"), "add trainer=ddp")


@pytest.mark.parametrize("one", ["trainer.devices=[1]", "trainer.devices=1"])
def test_one_device_may_be_chosen(tmp_path, one):
    assert resume_settings(settings_of("trainer=auto", one), [one], RunFolder(tmp_path))


@pytest.mark.parametrize("resume", ["auto", "{}"])
def test_a_resume_takes_the_trackers_of_the_command_line(stored, tmp_path, resume):
    same = ("method=ce", "trainer=cpu", "seed=3")
    go_on = stored(*same, "logger=tensorboard")
    words = [*(same if resume == "auto" else ()), f"resume={resume.format(tmp_path)}"]

    settings = go_on(*words, "logger=wandb")
    assert settings.logger == {}
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", [*words, "logger=wandb", "logger.wandb.save_dir=."])
        nothing = compose("train", words)
    logger = logger_for(settings, config)
    assert logger["wandb"]["name"] == "ce_digits_fold0_seed3"  # the run's, not the command line's
    assert logger_for(settings, nothing) == {}


def test_a_resume_takes_the_number_of_processes_alone(stored, tmp_path, refusal):
    go_on = stored("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")

    assert go_on(f"resume={tmp_path}", "trainer.devices=3").trainer["devices"] == 3
    alone = stored("trainer=cpu")
    refusal(lambda: alone(f"resume={tmp_path}", "trainer.devices=3"), "add trainer=ddp")
