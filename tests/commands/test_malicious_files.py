"""Files that would run something where a reader executes them: nothing runs, one sentence says so.

Each would make a marker file, and is shown to be able to.
"""

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from aduni.checkpoints.load import load_checkpoint
from aduni.errors import UserError
from aduni.results.finished_runs import read_runs
from aduni.system.atomic_files import read_yaml


class Bomb:
    """Makes the marker when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.fixture
def marker(tmp_path) -> Path:
    return tmp_path / "marker"


@pytest.fixture
def trained(past_run) -> Path:
    return past_run("epochs=1", "save_features=true")


def test_the_bomb_goes_off_where_it_is_executed(marker):
    pickle.loads(pickle.dumps(Bomb(marker)))

    assert marker.exists()


def test_a_checkpoint_executes_nothing(command, train, trained, marker, tmp_path):
    best = trained / "checkpoints" / "best.ckpt"
    content = torch.load(best, weights_only=True)
    evil = tmp_path / "evil.ckpt"
    torch.save({**content, "bomb": Bomb(marker)}, evil)
    evaluated = command("evaluate", f"ckpt={evil}")
    plain = tmp_path / "plain.ckpt"
    plain.write_bytes(pickle.dumps(Bomb(marker)))
    with pytest.raises(UserError):
        load_checkpoint(plain, "ckpt")
    reused, _ = train("method=decouple", f"method.stage1_ckpt={evil}", folder="reused")
    for name in ("last", "previous"):
        shutil.copy(evil, trained / "checkpoints" / f"{name}.ckpt")
    (trained / "metrics.json").unlink()
    resumed = command("train", f"resume={trained}")

    for finished in (evaluated, reused):
        assert finished.status == 1
        assert "evil.ckpt is not a readable checkpoint" in finished.err.splitlines()[-1]
    assert "damaged" in resumed.err
    assert not marker.exists()


@pytest.mark.parametrize("depth", ["method", "dataset"])
def test_a_checkpoint_builds_nothing_foreign(command, trained, marker, depth):
    best = trained / "checkpoints" / "best.ckpt"
    content = torch.load(best, weights_only=True)
    node = {"_target_": "os.system", "command": f"touch {marker}"}
    config = content["aduni"]["config"]
    if depth == "method":
        config["method"] = node
    else:
        config["dataset"]["augment"] += [{"_target_": "albumentations.Compose", "p": [node]}]
    torch.save(content, best)
    finished = command("evaluate", f"ckpt={best}")

    assert finished.status == 1
    assert "names os.system" in finished.err
    assert not (trained / "evaluation").exists()
    assert not marker.exists()


def test_a_run_folder_builds_nothing_foreign(command, trained, marker):
    config = read_yaml(trained / "config.yaml")
    config["sampler"] = {"_target_": "os.system", "command": f"touch {marker}"}
    (trained / "config.yaml").write_text(yaml.safe_dump(config))
    (trained / "metrics.json").unlink()
    finished = command("train", f"resume={trained}")

    assert finished.status == 1
    assert "names os.system for sampler._target_" in finished.err
    assert not marker.exists()


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch {marker}']",
        "lr: !!python/object/apply:os.system ['touch {marker}']",
        "lr: !!python/object/new:os.system ['touch {marker}']",
        "lr: !!python/name:os.system",
        "!!python/object/apply:subprocess.Popen [['touch', '{marker}']]",
    ],
)
def test_yaml_executes_nothing(text, marker, tmp_path, refusal):
    file = tmp_path / "config.yaml"
    file.write_text(text.format(marker=marker))

    refusal(lambda: read_yaml(file), file)
    assert not marker.exists()


def test_a_stored_yaml_reads_no_environment(command, trained, monkeypatch):
    monkeypatch.setenv("ADUNI_SECRET", "hush-hush")
    text = (trained / "config.yaml").read_text()
    changed = text.replace("name: shufflenet_v2_x0_5", "name: ${oc.env:ADUNI_SECRET}")
    (trained / "config.yaml").write_text(changed)
    (trained / "metrics.json").unlink()
    finished = command("train", f"resume={trained}")

    assert changed != text
    assert finished.status == 1
    assert "encoder.name=${oc.env:ADUNI_SECRET}" in finished.err
    written = [path.read_bytes() for path in trained.rglob("*") if path.is_file()]
    assert not any(b"hush-hush" in content for content in written)
    assert "hush-hush" not in finished.out + finished.err


def test_arrays_execute_nothing(trained, marker):
    bomb = np.empty(1, dtype=object)
    bomb[0] = Bomb(marker)
    np.savez(trained / "features.npz", images=bomb, labels=bomb, features=bomb)
    (run,), problems = read_runs(trained.parent)

    assert run.features is None
    assert run.folder.features.exists()
    assert not problems
    assert not marker.exists()


def test_a_cache_executes_nothing(command, marker, tmp_path):
    cache = tmp_path / "own_cache"
    words = ("prepare", "dataset=digits", f"dataset.cache_dir={cache}", f"output={tmp_path}/audit")
    command(*words)
    (pixels,) = cache.rglob("pixels.npy")
    bomb = np.empty(1, dtype=object)
    bomb[0] = Bomb(marker)
    np.save(pixels, bomb)
    finished = command(*words)

    assert "is built anew" in finished.err
    assert not marker.exists()


def test_a_formula_in_a_table_of_labels_is_an_id_like_any_other(command, aptos, tmp_path):
    formula = "=cmd|'touch marker'!A1"
    first = aptos.table.read_text().splitlines()[1].split(",")[0]
    (file,) = aptos.images.glob(f"{first}.*")
    file.rename(aptos.images / f"{formula}{file.suffix}")
    aptos.table.write_text(aptos.table.read_text().replace(first, formula))
    run = tmp_path / "run"
    options = ("encoder.name=shufflenet_v2_x0_5", "epochs=1", "batch_size=8", "num_workers=0")
    data = ("dataset=aptos", f"dataset.root={aptos.root}", f"dataset.cache_dir={tmp_path}/cache")
    size = ("dataset.image_size=32", "trainer=cpu", "sampler.epoch_length=1")
    finished = command("train", *options, *data, *size, f"hydra.run.dir={run}")

    assert finished.status == 0, finished.err
    for name in ("split.csv", "predictions.csv"):
        text = (run / name).read_text()
        assert "\n=" not in text
        assert "\n'=cmd" in text or name == "predictions.csv"
    again = command("evaluate", f"ckpt={run}/checkpoints/last.ckpt")  # reads the split back
    assert again.status == 0, again.err
