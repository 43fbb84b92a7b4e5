"""Typing mistakes on the command line: each is answered by what to write instead."""

import os
import re
import shlex
import subprocess
import sys

import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from aduni.cli.mistyped.command_line import CommandLine
from aduni.cli.mistyped.contradictions import find_contradiction
from aduni.cli.mistyped.overrides import find_mistake
from aduni.system.program import CONF
from own_data import table

WITHOUT_TORCH = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as stop:
    assert stop.code, "it began"
assert "torch" not in sys.modules
"""

PATHS = [
    *("/a b/(c)", "/a(c)", "/a[c]", "/a{c}", "/数据/图像", "/数 据（1）", "/é/ü", "/a=b"),  # noqa: RUF001
    *("/a'b", '/a"b', '/it\'s "x" (c)', "/a;b", "/a&b", "/a#b", "/a!b", "/a^b", "/a<b>", "/a,b"),
    *("/a b/c, d", "C (1)/x", "\\\\srv\\a (b)", "/a\\ (b)", "/a\\'b", "“a”/b", "/a – b"),  # noqa: RUF001
    *(
        "/a：b",  # noqa: RUF001
        "/a`b",
        "/a'b`c",
        "/a(b)$c",
        "epoch=3.ckpt",
        "/日本語",
        "/مجلد",
        "/a %20(1)",
        "/(%)",
    ),
]
"""Values that Hydra's grammar does not take, or takes for several."""

TAKEN = [
    "/a b/c",
    "/a%c",
    "/a$b",
    "/a*b?",
    "/a:b",
    "/a\\",
    "/a-b_c.d+e@f|g",
    "a.b",
    "/a  b",
    "x/y z",
]
"""Values that Hydra's grammar takes as they are."""

SENTENCES = {
    "train logger=tensorboard,wandb": "several values; write 'logger=[tensorboard,wandb]'.",
    "train 'logger=[tensorboard,1.5]'": "choose one of csv, tensorboard, wandb",
    # Words that belong together.
    "train method = ce": "write method=ce.",
    "train method == ce": "write method=ce.",
    "train method= ce": "write method=ce.",
    "train method =ce": "write method=ce.",
    "train 'method = ce'": "write method=ce.",
    "train method ce": "write method=ce.",
    "train method: ce": "write method=ce.",
    "train 'method: ce'": "write method=ce.",
    "train method:ce": "write method=ce.",
    "train method==ce": "write method=ce.",
    "train method:=ce": "write method=ce.",
    "train 'method=>ce'": "write method=ce.",
    "train methodce": "write method=ce.",
    "train epochs3": "write epochs=3.",
    "train ce": "write method=ce.",
    "train isic2018": "write dataset=isic2018.",
    "train epochs": "write epochs=VALUE.",
    "train save_features": "write save_features=true.",
    "train method": "write method=NAME with one of aduni, ",
    "train dataset.root /x": "write dataset.root=/x.",
    "train dataset.root:/x": "write dataset.root=/x.",
    "train 'dataset:root=/x'": "write dataset.root=/x.",
    "train seed=1 2 3": "write seed=1,2,3 and add -m for a run with each.",
    "train 'seed=1 2 3'": "write seed=1,2,3 and add -m for a run with each.",
    "train -m seed=1, 2, 3": "write seed=1,2,3.",
    "train method=ce aduni": "write method=ce,aduni and add -m for a run with each.",
    "train dataset.root=/a b/c": "write 'dataset.root=/a b/c'.",
    "train dataset.root=/a 'b/(c)'": "write 'dataset.root=\"/a b/(c)\"'.",
    "train 'dataset.mean=[0.5,' '0.5,' '0.5]'": "write 'dataset.mean=[0.5, 0.5, 0.5]'.",
    "prepare shard=5/4": "shard=5/4 is not a shard; write shard=i/n with i from 1 to n, such as",
    "prepare shard=0/4": "shard=0/4 is not a shard; write shard=i/n with i from 1 to n, such as",
    "prepare shard=abc": "shard=abc is not a shard; write shard=i/n with i from 1 to n, such as",
    "prepare -m shard=1/4,5/4": "is not a shard; write shard=i/n with i from 1 to n, such as",
    "prepare shard=1/4,2/4": "names several shards; add -m for a job with each.",
    "train '=3'": "=3 has no key; write KEY=VALUE without blanks.",
    "train ''": "An empty word cannot be read as KEY=VALUE; leave it out, ",
    # Several values, and what looks like them.
    "train method=ce,aduni": "method=ce,aduni has several values; add -m for a run with each.",
    "train 'method=[ce,aduni]'": "write method=ce,aduni and add -m for a run with each.",
    "train 'method=ce;aduni'": "write method=ce,aduni and add -m for a run with each.",
    "train 'method=ce|aduni'": "write method=ce,aduni and add -m for a run with each.",
    "train method=ce,": "write method=ce.",
    "train 'epochs=3;'": "write epochs=3.",
    "train fold=0-4": "write fold=0,1,2,3,4 and add -m for a run with each.",
    "train fold=0..4": "write fold=0,1,2,3,4 and add -m for a run with each.",
    "train fold=0:4": "write fold=0,1,2,3,4 and add -m for a run with each.",
    "train -m fold=0-4": "write fold=0,1,2,3,4.",
    "train 'fold=range(0,5)'": "has several values; add -m for a run with each.",
    "train lr=1,5": "lr=1,5 has a comma; write lr=1.5, or add -m for a run with each.",
    "train lr=0,05": "write lr=0.05, or add -m",
    "train epochs=1,000": "write epochs=1000, or add -m",
    "train epochs=1.000": "epochs=1.000 may be 1 or 1000; write epochs=1 or epochs=1000.",
    "train dataset.image_size=64x64": "write dataset.image_size=64.",
    "train dataset.image_size=64,64": "write dataset.image_size=64.",
    "train dataset.mean=0.5,0.4,0.5": "write 'dataset.mean=[0.5,0.4,0.5]'.",
    "train 'dataset.mean=(0.5,0.4,0.5)'": "write 'dataset.mean=[0.5,0.4,0.5]'.",
    "train 'fold=[1'": "fold=[1 cannot be read as KEY=VALUE; write 'fold=[1]'.",
    "train trust=timm,monai": "write 'trust=[timm,monai]'.",
    "predict images=a.jpg,b": "write 'images=[a.jpg,b]', or 'images=\"a.jpg,b\"' for one.",
    "predict images=a b.jpg": "write 'images=a b.jpg', or 'images=[a,b.jpg]' for several.",
    "predict images=a.jpg quick": "quick cannot be read as KEY=VALUE; leave it out, or see --help",
    "train epochs= ''": "An empty word cannot be read as KEY=VALUE; leave it out, ",
    "predict class_frequency=a:0.9,b:0.1": "write 'class_frequency={a:0.9,b:0.1}'.",
    "predict 'class_frequency={a=0.9,b=0.1}'": "write 'class_frequency={a: 0.9,b: 0.1}'.",
    "predict 'class_frequency={a: 0.9'": "write 'class_frequency={a: 0.9}'.",
    "evaluate ckpt=a,b": "has several values and evaluate.py takes one; write ckpt=a.",
    "benchmark parts=loss,step": "write 'parts=[loss,step]'",
    "reproduce tables=1-3": "write tables=1,2,3.",
    "reproduce gpus=0 1": "write gpus=0,1.",
    "reproduce profile=smoke,paper": "reproduce.py takes one; write profile=smoke.",
    # Options of groups.
    "train method=aduni.yaml": "write method=aduni.",
    "train method=conf/method/aduni.yaml": "write method=aduni.",
    "train 'method=[ce]'": "write method=ce.",
    "train method=": "method= names no option; choose one of aduni, ",
    "train method=null": "method=null names no option; choose one of aduni, ",
    "train method=3": "method=3 names no option; choose one of aduni, ",
    "train alpha=0.5": "alpha=0.5 names no option; choose one of constant, ",
    "train experiment=null": "or leave experiment= out.",
    "train dataset=/data/isic": "write data=/data/isic, or choose one of",
    "train '~epochs'": "~epochs takes away what the command needs, or does not have; leave it out.",
    "train '~method'": "~method takes away what the command needs, or does not have; leave it out.",
    "export '~trainer=3'": "or does not have; leave it out.",
    "evaluate hydra=1": "hydra=1 names no option; leave it out, or name one.",
    "reproduce launcher=3": "launcher=3 names no option; leave it out, or name one.",
    "train hydra/launcher=": "hydra/launcher= names no option; leave it out, or name one.",
    "reproduce table=1": "table is not a key of reproduce.py; write tables=1.",
    # Signs of word processors and input methods.
    "train method=“ce”": "write method=ce.",
    "train 'dataset.root=“/a b”'": "write 'dataset.root=/a b'.",
    "train dataset.root=‘/a(b)’": "write 'dataset.root=\"/a(b)\"'.",  # noqa: RUF001
    "train lr=1e−3": "write lr=1e-3.",  # noqa: RUF001
    "train method＝ce": "write method=ce.",  # noqa: RUF001
    "train method=ce，aduni": "write method=ce,aduni and add -m",  # noqa: RUF001
    "train '~/x'": f"write data={os.path.expanduser('~/x')}.",
    # Paths, files, other programs' words.
    "train 'dataset.root=C:\\data\\isic'": "a path of Windows; write the path that it has on this "
    "system, in WSL dataset.root=/mnt/c/data/isic.",
    "train dataset.root=C:/data": "in WSL dataset.root=/mnt/c/data.",
    "predict 'images=\\\\srv\\x'": "write the path that it has on this system.",
    "train dataset.root=C:datapictures": "write the path that it has on this system.",
    "train config.yaml": "write the settings themselves as KEY=VALUE",
    "evaluate x.ckpt": "write ckpt=x.ckpt.",
    "evaluate dataset=/data/isic": "write data=/data/isic, or choose one of",
    **{
        f"{name} ../photos": "write data=../photos."
        for name in ("fit", "train", "prepare", "audit", "shortcuts")
    },
    "fit a/labels.csv": "write data=a/labels.csv.",
    "report out/runs": "write runs=out/runs.",
    "report a/p.csv": "write predictions=a/p.csv.",
    "label_errors out/runs": "write runs=out/runs.",
    "label_errors a/p.csv": "write predictions=a/p.csv.",
    "predict ../photos": "write images=../photos.",
    "predict ../a.csv": "write images=../a.csv.",
    "explain ../photos": "write images=../photos.",
    "evaluate out/run": "write ckpt=out/run.",
    "reproduce ../photos": "write dataset=folder dataset.root=../photos.",
    "reproduce ../a.csv": "write dataset=csv dataset.csv=../a.csv.",
    "reproduce path=../x": "by a key of train.py; write dataset=folder dataset.root=../x.",
    "reproduce data=../x": "data=../x is no list of keys; write dataset=folder dataset.root=../x.",
    "prepare download": "write download=true.",
    "train train.py": "train.py cannot be read as KEY=VALUE; leave it out.",
    "train help": "write --help.",
    "train m": "write -m.",
    "reproduce stats": "stats cannot be read as KEY=VALUE (did you mean status?); write status.",
    "reproduce Status": "(did you mean status?); write status.",
    "reproduce smoke": "write profile=smoke.",
    "reproduce epochs=3": "or write \"profile.overrides=['epochs=3']\" instead of that list.",
    "reproduce epochs 3": "or write \"profile.overrides=['epochs=3']\" instead of that list.",
    "reproduce method=ce": "method=ce is set by the rows of the tables; choose rows by",
    "reproduce method = ce": "method is set by the rows of the tables; choose rows by",
    "reproduce profile.overrides=[epochs=2]": "write \"profile.overrides=['epochs=2']\".",
    "train and": "leave it out, or see --help for the keys.",
}

FLAGS = {
    "train --epochs 3": "--epochs is not a known flag, and keys have no dashes; write epochs=3.",
    "train --epochs=3": "write epochs=3.",
    "train -epochs 3": "write epochs=3.",
    "train -epochs=3": "write epochs=3.",
    "train method=ce --epochs 3": "write epochs=3.",
    "train --batch-size 3": "write batch_size=3.",
    "train --learning-rate 0.1": "write lr=0.1.",
    "train --image_size=64": "write dataset.image_size=64.",
    "train --gpu": "write trainer=gpu.",
    "train --verbose": "write verbose=true.",
    "train —epochs 3": "write epochs=3.",
    "train –m method=ce,aduni": "–m is not a known flag; write -m.",  # noqa: RUF001
    "train ——multirun": "write --multirun.",
    "train -multirun": "write --multirun.",
    "train -help": "write --help.",
    "train -m=fold=0,1": "write -m and fold=0,1 as two words.",
    "train --config x.yaml": "no file of settings is read; write KEY=VALUE.",
    "predict --images 'a b.jpg'": "write 'images=a b.jpg'.",
    "reproduce --status": "write status.",
    "reproduce --epochs 3": "or write \"profile.overrides=['epochs=3']\" instead of that list.",
    "reproduce -m": "reproduce.py takes no -m, for it starts its runs itself; leave -m out.",
}

UNTOUCHED = [
    *("train method=ce dataset=digits epochs=1e2", "train epochs=3 epochs=4", "train lr=.05"),
    *("train -m method=ce,aduni fold=0,1", "train '-m' 'method=ce, aduni'", "train dataset.root="),
    *("train ++epochs=3", "train '~method.logit_adjustment'", "train lr=1.000", "train seed=007"),
    *("train save_features=True", "train save_features=yes", "train precision=32-true"),
    *("train 'method=\"ce\"' method=aduni", "train hydra/launcher=joblib", "train +alpha.x=[1,2]"),
    *("train 'dataset.mean=[0.5, 0.5, 0.5]'", "train sampler@method.classifier_sampler=none"),
    *("train trainer.devices=[0]", "train 'hydra.searchpath=[file:///my/conf]' sampler=inverse"),
    *("predict images=- tta=8", "predict 'class_frequency={a: 0.9, b: 0.1}'", "report runs=1-2"),
    *("predict images=2026-01-02", "predict 'images=1 2'", "report columns=macro_auroc,macro_f1"),
    *("train 'logger=[tensorboard,wandb]'", "reproduce 'logger=[csv, wandb]'"),
    "train logger=[own]",
    *("reproduce status", "reproduce gpus=0,1,2 tables=1", "reproduce dataset=csv,folder"),
    *("reproduce dataset=digits status", "reproduce profile=smoke dataset=digits status"),
    *("reproduce 'dataset.csv=/a b/(c).csv'", "reproduce launcher=joblib job=x"),
    *(
        "predict class_frequency=a:0.9 output=s3://x",
        "explain target=2-3",
        "benchmark 'parts=[loss,step]'",
        "train fold=3 seed=1",
        "train",
    ),
]


@pytest.fixture
def faults():
    """Return a function that lists the mistakes in a command line without flags."""

    def call(text: str) -> list[str]:
        command, *words = shlex.split(text)
        multirun = "-m" in words
        words = [word for word in words if word != "-m"]
        line = CommandLine(CONF, command, words, multirun)
        return [fault for number in range(len(words)) if (fault := find_mistake(line, number))]

    return call


@pytest.mark.parametrize("text", SENTENCES)
def test_a_typing_mistake_has_its_sentence(faults, text):
    first, *_ = faults(text)

    assert SENTENCES[text] in f"{first}."
    assert "\n" not in first
    assert not re.search(r";\s*[.;]|\.\s+[A-Z]", first)


def test_a_path_that_exists_is_proposed_for_the_key_that_takes_it(faults, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "data2024").mkdir()

    assert faults("export run")[0].endswith("; write ckpt=run")
    assert faults("predict run")[0].endswith("; write ckpt=run")
    assert faults("report run")[0].endswith("; write runs=run")
    assert faults("train data2024")[0].endswith("; write data=data2024")


@pytest.mark.parametrize(
    "words", [["dataset=isic2018"], ["method=ce", "dataset=digits"], ["data=x"]]
)
def test_an_experiment_on_one_data_set_takes_no_other(words):
    for args in (["experiment=paper_aptos", *words], [*words, "experiment=paper_aptos"]):
        sentence = find_contradiction(CommandLine(CONF, "train", args))
        assert f"leave {words[-1]} out" in sentence
    same = ["experiment=paper_aptos", "dataset=aptos"]
    assert find_contradiction(CommandLine(CONF, "train", same)) is None


@pytest.mark.parametrize("text", UNTOUCHED)
def test_nothing_is_said_about_what_is_right(faults, text):
    assert faults(text) == []


@pytest.mark.parametrize("path", TAKEN)
def test_a_path_that_can_be_read_is_taken_as_it_is(faults, path):
    assert faults(shlex.join(["train", f"dataset.root={path}"])) == []
    assert OverridesParser.create().parse_override(f"dataset.root={path}").value() == path


@pytest.mark.parametrize("key", ["train dataset.root", "evaluate ckpt", "report output"])
@pytest.mark.parametrize("path", PATHS)
def test_the_word_for_any_path_can_be_copied_into_a_shell(key, path):
    command, key = key.split()
    fault = find_mistake(CommandLine(CONF, command, [f"{key}={path}"]), 0)

    assert fault is not None
    copied = fault.partition("; write ")[2].removesuffix(" for one text")
    echoed = subprocess.run(["bash", "-c", f"printf %s {copied}"], capture_output=True, text=True)
    override = OverridesParser.create().parse_override(echoed.stdout)
    assert (override.key_or_group, override.value()) == (key, path)


def test_a_home_folder_is_written_out(faults, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")

    assert faults("train dataset.root=~/x")[0].endswith("; write dataset.root=/home/me/x")
    assert faults("train 'dataset.root=~/a (b)'")[0].endswith("'dataset.root=\"/home/me/a (b)\"'")


@pytest.mark.parametrize("text", FLAGS)
def test_a_flag_that_is_none_has_its_sentence(command, text):
    name, *words = shlex.split(text)
    finished = command(name, *words)

    assert finished.status == 2
    (line,) = finished.err.splitlines()
    assert line.startswith("error: ")
    assert FLAGS[text] in line


def test_the_sweep_by_which_reproduce_places_its_own_runs_is_no_mistake(command, tmp_path):
    words = ("--multirun", "job='abc'", f"output={tmp_path}", f"hydra.sweep.dir={tmp_path}/.jobs")
    finished = command("reproduce", *words)

    assert "plan.json is missing" in finished.err.splitlines()[-1]


@pytest.mark.parametrize("text", ["train method=ce,aduni", "reproduce stats", "train --epochs 3"])
def test_mistakes_of_form_are_answered_before_torch_is_imported(root, text):
    name, *words = shlex.split(text)
    finished = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(root / "src" / f"{name}.py"), *words],
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
    )

    assert finished.returncode == 0, finished.stderr
    assert finished.stderr.startswith("error: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train fold=7", "fold=7 does not exist"),
        ("shortcuts fold=7", "fold=7 does not exist"),
        ("train dataset.image_size=7", "dataset.image_size=7 is not valid"),
        ("train sampler.epoch_length=0", "sampler.epoch_length=0 is not valid"),
        ("train dataset.group_column=patien", "did you mean patient?"),
        ("train 'dataset.classes=[mild]'", "not in dataset.classes"),
        ("train dataset.label_column=name", "too few for 5 folds"),
        ("fit dataset.label_column=name", "too few for 5 folds"),
        ("fit dataset.label_column=findin", "did you mean finding?"),
        ("train hydra.run.dir=run", "already holds a run"),
    ],
)
def test_mistakes_that_the_rows_show_are_answered_before_torch_is_imported(
    root, tmp_path, text, said
):
    name, *words = shlex.split(text)
    file = table(tmp_path / "own")
    frame = pd.read_csv(file, dtype=str)
    frame.assign(patient=frame["name"].str[-1]).to_csv(file, index=False)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.json").touch()
    columns = ["dataset.image_column=name"]
    if "label_column" not in text:
        columns.append("dataset.label_column=finding")
    finished = subprocess.run(
        [
            *(sys.executable, "-c", WITHOUT_TORCH, str(root / "src" / f"{name}.py")),
            *(f"data={file}", *columns, *words),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
    )

    assert finished.returncode == 0, finished.stderr
    assert said in finished.stderr


@pytest.mark.parametrize("name", sorted(file.stem for file in CONF.with_name("src").glob("*.py")))
@pytest.mark.parametrize(
    "word", ["output=/a(b)", "--verbose=3x", "=x", "verbose", "x=[1", "~verbose"]
)
def test_every_command_answers_in_one_sentence(command, name, word):
    finished = command(name, word)

    assert finished.status in (1, 2)
    (line,) = finished.err.splitlines()
    assert line.startswith("error: ")
    assert line.endswith(".")
