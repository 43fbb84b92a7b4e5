"""--help of every command, flags that are mistyped, and bash's completion."""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from aduni.__main__ import main
from aduni.cli.help import groups_of, help_text, options_of
from aduni.cli.yaml_docs import comments_of
from aduni.fitting.fit_settings import TARGETS
from aduni.inference.export.export_settings import FOLDER
from aduni.inference.export.formats import FORMATS
from aduni.system.program import CONF, as_called

SRC = Path(__file__).resolve().parents[2] / "src"
COMMANDS = sorted(file.stem for file in SRC.glob("*.py"))

WITHOUT_TORCH = """
import runpy, sys
sys.argv = [sys.argv[1], "--help"]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as stop:
    assert not stop.code
assert "torch" not in sys.modules and "hydra" not in sys.modules
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_help_needs_no_torch_and_has_every_key_with_its_comment(root, name):
    finished = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(root / "src" / f"{name}.py")],
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "COLUMNS": "80"},
    )

    assert finished.returncode == 0, finished.stderr
    assert max(map(len, finished.stdout.splitlines())) <= 100
    words = " ".join(finished.stdout.split())
    conf = root / "conf" / f"{name}.yaml"
    for key, value in yaml.safe_load(conf.read_text()).items():
        if key not in ("defaults", "hydra", "names") and "${hydra:" not in str(value):
            assert f" {key}=" in words or f" {key}." in words
    assert "verbose=false Show the traceback of errors" in words
    assert f"Usage: python src/{name}.py" in words


@pytest.mark.parametrize("name", COMMANDS)
def test_groups_and_options_are_those_that_hydra_has(root, name):
    conf = root / "conf"
    groups = groups_of(conf / f"{name}.yaml")
    text = " ".join(help_text(conf, name).replace("[", "").replace("]", "").split())
    with initialize_config_dir(str(conf), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        chosen = OmegaConf.to_container(
            compose(name, return_hydra_config=True).hydra.runtime.choices
        )
        for group in groups:
            options = sorted(loader.get_group_options(group.partition("@")[0]))
            assert options_of(conf, group) == options
            assert f"{group} {', '.join(options)}" in text
    ours = {group.partition("@")[0] for group in groups}
    composed = {str(group).partition("@")[0] for group in chosen} - ours
    unused = {group for group in composed if not group.startswith("hydra")}
    assert unused <= {"sampler", "optimizer", "encoder", "recipe"}


def test_help_lists_the_keys_of_a_chosen_option(command):
    finished = command("train", "method=decouple", "--help")

    assert finished.status == 0
    words = " ".join(finished.out.split())
    assert "Keys of method=decouple:" in words
    assert "method.classifier=crt Classifier of the second stage: crt (a new one), lws" in words
    assert "method.dropout=0.5" in words  # of the first stage's YAML
    assert "python src/train.py -m method=ce,aduni" in words


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--hlep"], "--hlep is not a known flag (did you mean --help?)"),
        (["method=ce", "--cgf=job"], "--cgf is not a known flag (did you mean --cfg?)"),
        (["--cfg", "jbo"], "argument --cfg/-c: invalid choice: 'jbo'"),
        (["-x"], "-x is not a known flag;"),
    ],
)
def test_a_mistyped_flag_is_one_sentence(command, words, sentence):
    finished = command("train", *words)

    assert finished.status == 2
    (line,) = finished.err.splitlines()
    assert line.startswith(f"error: {sentence}")
    assert line.endswith("; --help has a list.")


def test_hydras_own_words_still_work(command):
    assert "batch_size: 60" in command("train", "--cfg", "job").out
    assert "== Flags ==" in command("train", "--hydra-help").out


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("method=ad", ["method=aduni"]),
        ("sampler=s", ["sampler=sqrt"]),
        ("batch", ["batch_size="]),
        ("dataset.image_s", ["dataset.image_size="]),
    ],
)
def test_bash_completes_options_and_keys(command, monkeypatch, line, completed):
    monkeypatch.setenv("COMP_LINE", f"python src/train.py {line}")
    finished = command("train", "-sc", "query=bash")

    assert finished.status == 0, finished.err
    assert finished.out.split() == completed


def test_bash_takes_the_script_of_the_completion(command):
    finished = command("train", "-sc", "install=bash")

    assert finished.status == 0
    checked = subprocess.run(
        ["bash", "-c", f"{finished.out}\ncomplete -p python"], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    assert "hydra_bash_completion" in checked.stdout


SHOWN = [
    ("train",),
    ("train", "dataset=isic2018"),
    ("train", "dataset=folder", "method=cicl"),
    ("train", "method=paco", "recipe=finetune"),
    ("train", "experiment=paper_aptos"),
    ("train", "experiment=paper_isic2018", "alpha=linear"),
    ("train", "debug=batch", "method=decouple"),
    ("train", "recipe=frozen", "encoder=resnet18", "epochs=3"),
    ("prepare", "dataset=aptos"),
    ("reproduce", "profile=paper"),
]


@pytest.mark.parametrize("words", SHOWN)
def test_the_options_and_values_in_the_help_are_those_that_hydra_composes(root, words):
    name, *args = words
    text = help_text(root / "conf", name, args)
    with initialize_config_dir(str(root / "conf"), version_base="1.3"):
        config = compose(name, args, return_hydra_config=True)
    choices = config.hydra.runtime.choices
    shown = dict(re.findall(r"^  (\S+) .*?\[(\w+)\]", _unwrapped(text), re.MULTILINE))
    assert shown
    assert {group: choices[group] for group in shown} == shown
    keys = ("epochs", "batch_size", "lr", "warmup_epochs", "num_workers") if name == "train" else ()
    for key in keys:
        values = re.findall(rf"^  {key}=(\S+)", text, re.MULTILINE)
        assert {yaml.safe_load(value) for value in values} == {config[key]}


def _unwrapped(text: str) -> str:
    """Join the lines of an entry that has several."""
    return re.sub(r"\n {6,}", " ", text)


def test_the_keys_of_the_encoder_in_effect_are_listed(root):
    conf = root / "conf"
    assert "Keys of encoder=resnet18:" in help_text(conf, "train")
    text = help_text(conf, "train", ["recipe=frozen"])
    assert "Keys of encoder=efficientnet_lite0:" in text
    assert "Keys of recipe=frozen:" in text


INSTALLED = sorted(file.stem for file in (SRC / "aduni" / "commands").glob("[!_]*.py"))
MIXED = "python src/train.py x; which evaluate.py writes; my_train.py, loss.py"


@pytest.mark.parametrize("name", INSTALLED)
def test_the_installed_command_names_no_script_in_its_help(name, monkeypatch):
    monkeypatch.setattr(sys, "argv", [f"aduni {name}", "--help"])
    text = help_text(CONF, name)

    assert ".py" not in text
    assert text.startswith(f"aduni {name}")
    assert f"Usage: aduni {name} " in text
    assert text.partition("\nExamples:\n")[2].count(f"aduni {name} ") >= 2


def _called(monkeypatch, capsys, *words: str) -> str:
    monkeypatch.setattr(sys, "argv", ["aduni", *words])
    with pytest.raises(SystemExit) if words else contextlib.nullcontext() as stop:
        main()
    assert not words or not stop.value.code
    return capsys.readouterr().out


@pytest.mark.parametrize("word", ["help", "--help", "-h"])
def test_help_and_a_command_is_the_help_of_the_command(monkeypatch, capsys, word):
    assert _called(monkeypatch, capsys, word, "fit") == _called(
        monkeypatch, capsys, "fit", "--help"
    )


def test_help_and_another_word_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["aduni", "help", "fti"])
    with pytest.raises(SystemExit, match=re.escape("fti is not a command (did you mean fit?)")):
        main()


def test_the_overview_names_every_export_format(monkeypatch, capsys):
    overview = _called(monkeypatch, capsys)
    (line,) = (line for line in overview.splitlines() if line.split()[:1] == ["export"])
    assert [name for name in (*FORMATS, FOLDER) if name not in line.lower().replace(" ", "")] == []


def test_commands_are_named_as_they_are_called(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["src/train.py"])
    assert as_called(MIXED) == MIXED
    monkeypatch.setattr(sys, "argv", ["aduni train"])
    words = "aduni train x; which aduni evaluate writes; my_train.py, loss.py"
    assert as_called(MIXED) == words


def test_the_help_names_every_target_of_a_fit(root):
    listed = comments_of(root / "conf" / "fit.yaml")["target"].removeprefix("Metric that decides: ")
    anywhere, _, ordered = listed.partition(", or for ordered classes ")
    for names, ordinal in ((anywhere, False), (ordered, True)):
        targets = [key for key, metric in TARGETS.items() if metric.ordinal == ordinal]
        assert names.split(", ") == targets


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples(root, name):
    _, _, examples = help_text(root / "conf", name).partition("\nExamples:\n")
    assert examples.count(f"python src/{name}.py") >= 2
