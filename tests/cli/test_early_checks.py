"""Files and backbones that do not exist are answered before the imports that take seconds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from aduni.cli.banner import print_banner

SRC = Path(__file__).resolve().parents[2] / "src"

MISTAKES = {
    "train encoder=resnet81": "encoder=resnet81 does not exist; write encoder.name=resnet18.",
    "train encoder.name=resnet19": "encoder.name=resnet19 is not a torchvision classification",
    "train encoder.name=timm/resnet19": "did you mean timm/resnet18?",
    "train encoder.weights=no.pth": "no.pth is missing; set encoder.weights to a file",
    "train epochs=0": "epochs=0 is not valid",
    "train dataset=csv": "dataset.csv is missing; set it to the table of your images.",
    "train dataset=csv dataset.csv=no.csv": "no.csv is missing; set dataset.csv to a table",
    "train dataset=folder": "dataset.root is missing; set it to a folder",
    "train dataset=folder dataset.root=no": "dataset.root=no is missing; set it to a folder",
    "train dataset=isic2018 dataset.root=no": "no is missing; set dataset.root to the folder of",
    "train dataset.root=no": "dataset.root=no has no effect on dataset=digits, which comes with "
    "scikit-learn; write data=no in its place",
    "audit dataset.root=.": "has no effect on dataset=digits",
    "train dataset.csv=no.csv": "(dataset=csv has it; data=FILE stands for both)",
    "train data=no": "data=no is neither a folder, a file nor a data set; give a folder",
    "train data=aptso": "nor a data set (did you mean aptos?); give",
    "prepare data=. dataset=aptos": "data=. and dataset=aptos both name the images; give one",
    "audit data=. dataset.root=.": "data=. and dataset.root=. both name the images; give one",
    "shortcuts data=. data=a.ckpt": "data=. and data=a.ckpt both name the images; give one",
    "train data=a.ckpt dataset.csv=a.ckpt": "both name the images; give one",
    "train protocol.split_file=no.csv": "no.csv is missing; set protocol.split_file to",
    "train method=decouple method.stage1_ckpt=no": "run with method.stage1_ckpt=.",
    "prepare dataset=folder dataset.root=no": "dataset.root=no is missing; set it to a folder",
    "audit split=[.,no.txt]": "no.txt is missing; set split to the files of a split: CSV tables",
    "predict ckpt=no images=. output=o.csv": "no is missing; give a checkpoint or the folder of",
    "predict ckpt=[a.ckpt,no] images=. output=o.csv": "no is missing; give a checkpoint or the",
    "predict ckpt=. images=. output=o.csv": ". is a folder without checkpoints/best.ckpt; give a",
    "predict ckpt=a.ckpt images=[.,no] output=o.csv": "no is missing; give image files or folders",
    "predict ckpt=a.ckpt images=. output=o.csv tta=3": "tta=3 is not valid",
    "explain ckpt=a.ckpt images=no": "no is missing; give image files or folders",
    "explain ckpt=a.ckpt dataset.root=no": "dataset.root=no is not a folder; set it to",
    "evaluate ckpt=no": "no is missing; give a checkpoint or the folder of a run with ckpt=.",
    "export ckpt=a.ckpt format=onx output=o.onnx": "format=onx is not a format (did you mean",
    "export ckpt=no output=o.onnx": "no is missing; give a checkpoint or the folder of a run",
    "report runs=no": "runs=no is not a folder; give one that holds run folders.",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a file named as a checkpoint, and a torch that cannot be imported."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "a.ckpt").touch()
    for package in ("torch", "lightning_fabric", "sklearn"):
        (folder / f"{package}.py").write_text("raise SystemExit('imported')")
    return folder


def _run(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    path = {**os.environ, "PYTHONPATH": f"{place}{os.pathsep}{SRC}"}
    command = [sys.executable, str(SRC / f"{words[0]}.py"), *words[1:]]
    return subprocess.run(command, env=path, cwd=place, capture_output=True, text=True)


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistaken_name_costs_no_slow_import(line, place):
    done = _run(place, *line.split())

    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("error: ")
    assert MISTAKES[line] in sentence
    assert done.stdout == ""  # no banner for what does not begin


def test_the_command_line_is_printed_before_torch_is_imported(place):
    done = _run(place, "predict", "ckpt=a.ckpt", "images=.", "output=o.csv")

    assert done.stderr == "imported\n"
    assert done.stdout.startswith("AdUni")
    assert done.stdout.endswith(": predict.py ckpt=a.ckpt images=. output=o.csv\n")


def test_other_ranks_print_no_command_line(place, monkeypatch):
    monkeypatch.setenv("RANK", "1")

    assert _run(place, "train").stdout == ""


@pytest.mark.parametrize(("number", "lines"), [(None, 1), (0, 1), (1, 0)])
def test_of_a_multirun_the_first_job_prints_the_command_line(monkeypatch, capsys, number, lines):
    """Launchers start later jobs in processes of their own."""
    job = {"num": "???" if number is None else number}
    monkeypatch.setattr(HydraConfig.instance(), "cfg", OmegaConf.create({"hydra": {"job": job}}))
    monkeypatch.setattr(sys, "argv", ["src/train.py", "-m", "seed=0,1"])
    print_banner.cache_clear()
    print_banner()
    print_banner()
    print_banner.cache_clear()

    assert capsys.readouterr().out.count(": train.py -m seed=0,1\n") == lines


def test_a_missing_data_set_does_not_keep_a_finished_run_from_being_shown(place, monkeypatch):
    done = _run(place, "train", "dataset=folder", "dataset.root=no", "resume=auto")

    assert done.stderr == "imported\n"
