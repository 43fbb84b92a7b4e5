"""W&B runs as they stand on disk: what a job sends, and that it sends nothing unasked."""

import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
from omegaconf import OmegaConf

ROOT = Path(__file__).resolve().parents[3]
KEY = "0123456789abcdef" * 2 + "01234567"  # of the form of an API key
TRAIN = [
    "method=aduni",
    "dataset.imbalance_ratio=5",
    "sampler=balanced",
    "sampler.epoch_length=1",
    "epochs=1",
    "batch_size=32",
    "trainer=cpu",
    "num_workers=0",
]

# Two stages of two epochs, then a job that dies in the first and is resumed.
JOBS = """
import sys
from pathlib import Path
from aduni.training.trackers.trackers import Trackers

config = {"names": {"method": "cicl", "dataset": "digits"}, "fold": 3, "lr": [0.1, None]}
wandb = {"_target_": "aduni.training.WandbRunLogger", "project": "trial", "group": "pair"}
wandb |= {"tags": ["a", "b"], "name": "cicl_digits"}

def job(folder, stages, epochs, error=None):
    folder.mkdir(exist_ok=True)
    history = folder / "history.csv"
    with Trackers() as trackers, history.open("a") as rows:
        trackers.open({"wandb": {**wandb, "save_dir": str(folder)}})
        trackers.log_hyperparams(config)
        if rows.tell() == 0:
            print("stage,epoch,loss,images,seconds", file=rows, flush=True)
        for stage in stages:
            for epoch in epochs:
                print(f"{stage},{epoch},0.5,8,1.0", file=rows, flush=True)
                trackers.log_epoch(history)
        if error:
            raise error

top = Path(sys.argv[1])
job(top / "stages", ["contrastive", "linear"], range(2))
try:
    job(top / "dies", ["only"], range(1), RuntimeError())
except RuntimeError:
    (top / "dies").rename(top / "resumed")
job(top / "resumed", ["only"], range(1, 2))
"""

# A job in whose course W&B fails for good.
FAILING = """
import logging, sys
from pathlib import Path
import psutil
import wandb
from aduni.training.trackers.trackers import Trackers

folder = Path(sys.argv[1])
logging.basicConfig(filename=folder / "log")
node = {{"_target_": "aduni.training.WandbRunLogger", "save_dir": str(folder), "offline": True}}

def kill():
    (service,) = psutil.Process().children()
    service.kill()

def refuse():
    def refusing(**options):
        raise OSError(28, "No space left on device")
    wandb.init = refusing

history = folder / "history.csv"
rows = ["stage,epoch,loss,images,seconds"]
with Trackers() as trackers:
    trackers.open({{"wandb": node}})
    for epoch in range(5):
        if epoch == {fault[0]}:
            {fault[1]}()
        rows.append(f"train,{{epoch}},0.5,8,1.0")
        history.write_text("\\n".join(rows))
        trackers.log_epoch(history)
print("all epochs were trained")
"""
FAULTS = {"in mid-run": (2, "kill"), "from the start": (0, "refuse")}


def is_in(words: list[str], process: psutil.Process) -> bool:
    line = process.info["cmdline"] or []  # None: of another user
    return any(line[at : at + len(words)] == words for at in range(len(line)))


def start(*command: str, status: int = 0, **variables: str) -> str:
    """Run Python without the caller's W&B account; returns what it prints, also to stderr.

    W&B's own process carries the number of the one that it serves, and must not outlive it.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB", "NETRC"))}
    environment |= {"PYTHONPATH": str(ROOT / "src"), "WANDB_ERROR_REPORTING": "false", **variables}
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=variables["HOME"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        output, _ = process.communicate()
    assert process.returncode == status, output
    served = ["--pid", str(process.pid)]
    assert not [left for left in psutil.process_iter(["cmdline"]) if is_in(served, left)]
    return output


def train(tmp_path: Path, *overrides: str, status: int = 0, **variables: str) -> str:
    """The real command."""
    variables |= {"HOME": str(tmp_path), "ADUNI_CACHE": str(tmp_path / "cache")}
    return start(str(ROOT / "src/train.py"), *overrides, *TRAIN, status=status, **variables)


def stored_records(path: Path) -> Iterator[Any]:
    """Records of a .wandb file: protocol buffers in LevelDB's log format, after 7 bytes of header.

    Blocks of 32 KiB hold pieces (checksum, length, kind, content) of records.
    """
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, content = path.read_bytes(), 7, b""
    while place < len(data):
        left_in_block = -place % 2**15
        if 0 < left_in_block < 7:
            place += left_in_block
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        content += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or last piece
            yield Record.FromString(content)
            content = b""


class StoredRun:
    """One offline run below a job's folder."""

    def __init__(self, path: Path) -> None:
        self.folder = path.parent
        self.exit_code = None
        self.config: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.axes = {}
        for record in stored_records(path):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                self.run = record.run
                self.config |= values(record.run.config.update)
            elif kind == "config":
                self.config |= values(record.config.update)
            elif kind == "summary":
                self.summary |= values(record.summary.update)
            elif kind == "history":
                self.history.append(values(record.history.item))
            elif kind == "metric":
                self.axes[record.metric.glob_name] = record.metric.step_metric
            elif kind == "exit":
                self.exit_code = record.exit.exit_code

    def table(self, key: str) -> pd.DataFrame:
        """One that was logged."""
        path = next(row[f"{key}/path"] for row in self.history if f"{key}/path" in row)
        content = json.loads((self.folder / "files" / path).read_text())
        return pd.DataFrame(content["data"], columns=content["columns"])


def values(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def offline_runs(job: Path) -> list[StoredRun]:
    return [StoredRun(path) for path in sorted(job.glob("wandb/offline-run-*/*.wandb"))]


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    home = tmp_path_factory.mktemp("jobs")
    start("-c", JOBS, str(home), HOME=str(home))
    return home


def test_without_a_key_a_run_is_offline_and_named(jobs):
    (stored,) = offline_runs(jobs / "stages")

    assert stored.run.project == "trial"
    assert stored.run.run_group == "pair"
    assert list(stored.run.tags) == ["a", "b"]
    assert stored.run.display_name == "cicl_digits"
    assert stored.config["lr"] == [0.1, None]
    assert stored.exit_code == 0
    assert (jobs / "stages/wandb_id.txt").read_text() == f"{stored.run.run_id}\n"


def test_epochs_are_counted_through_all_stages(jobs):
    (stored,) = offline_runs(jobs / "stages")

    assert [row["epoch"] for row in stored.history] == [0, 1, 2, 3]
    assert [row["train/loss"] for row in stored.history] == [0.5] * 4
    assert stored.axes["*"] == "epoch"


def test_a_resumed_job_continues_the_run_that_failed(jobs):
    failed, resumed = offline_runs(jobs / "resumed")

    assert (failed.exit_code, resumed.exit_code) == (1, 0)
    assert resumed.run.run_id == failed.run.run_id
    assert [row["epoch"] for row in failed.history + resumed.history] == [0, 1]


@pytest.mark.slow
def test_a_bad_option_is_refused_before_anything_begins(tmp_path):
    folder = f"hydra.run.dir={tmp_path}/run"
    output = train(tmp_path, "logger=wandb", "logger.wandb.project=a/b", folder, status=1)

    assert "error: logger.wandb.project=a/b is not valid" in output
    assert not list(tmp_path.rglob("*wandb*"))


@pytest.mark.slow
def test_each_job_of_a_multirun_is_a_run_with_all_its_figures(tmp_path):
    sweep = f"hydra.sweep.dir={tmp_path}/sweep"
    output = train(
        tmp_path, "-m", "fold=0,1", "logger=wandb", sweep, WANDB_MODE="offline", WANDB_API_KEY=KEY
    )

    folders = sorted((tmp_path / "sweep").glob("*_fold*"))
    stored = [run for folder in folders for run in offline_runs(folder)]
    assert [run.config["fold"] for run in stored] == [0, 1]
    assert len({run.run.run_id for run in stored}) == 2
    for folder, run in zip(folders, stored, strict=True):
        check(run, folder)
    assert KEY not in output
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(KEY.encode() in path.read_bytes() for path in files)


def check(run: StoredRun, folder: Path) -> None:
    """What was stored is what the job's own files say."""
    metrics = json.loads((folder / "metrics.json").read_text())
    test = metrics["test"]
    names = list(test["support"])
    config = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))
    assert {key: run.config[key] for key in config} == config

    history = pd.read_csv(folder / "history.csv").iloc[0]
    curves = {key: value for row in run.history for key, value in row.items()}
    for name, key in {
        **{"train/loss": "loss", "train/alpha": "alpha", "train/lr": "lr", "epoch": "epoch"},
        **{f"val/{key}": f"validation_{key}" for key in ("macro_f1", "accuracy")},
    }.items():
        assert curves[name] == pytest.approx(history[key])
    for name, value in metrics["validation"].items():
        if isinstance(value, float):
            assert curves[f"val/{name}_best"] == value
            assert curves[f"test/{name}"] == test[name]
    for label, value in test["per_class_f1"].items():
        assert curves[f"test/f1/{label}"] == value
    for name in ("selected_epoch", "train_seconds", "images_per_second"):
        assert curves[name] == metrics[name]
    assert curves["model_card/_type"] == "html-file"

    classes = run.table("test/classes").set_index("class")
    assert classes["trained on"].to_dict() == metrics["training_counts"]
    assert classes["tested on"].to_dict() == test["support"]
    assert classes["F1"].to_dict() == test["per_class_f1"]
    assert classes["recall"].to_dict() == test["per_class_recall"]

    confusion = run.table("test/confusion_matrix_table")
    confusion = confusion.pivot(index="Actual", columns="Predicted", values="nPredictions")
    assert confusion.loc[names, names].to_numpy().tolist() == test["confusion_matrix"]


@pytest.mark.slow
def test_disabled_leaves_no_trace(tmp_path):
    run = tmp_path / "run"
    train(tmp_path, "logger=wandb", f"hydra.run.dir={run}", WANDB_MODE="disabled")

    assert (run / "metrics.json").exists()
    assert not list(run.rglob("*wandb*"))


@pytest.mark.exhaustive  # it waits a minute and a half for the server
def test_an_unreachable_server_costs_the_dashboard_and_not_the_run(tmp_path):
    run = tmp_path / "run"
    closed = "http://127.0.0.1:9"
    folder = f"hydra.run.dir={run}"
    train(tmp_path, "logger=wandb", folder, WANDB_BASE_URL=closed, WANDB_API_KEY=KEY)

    (stored,) = offline_runs(run)
    check(stored, run)
    log = (run / "train.log").read_text()
    assert log.count("wandb sync") == 1
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(KEY.encode() in path.read_bytes() for path in files)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_failure_of_wandb_is_said_once_and_costs_nothing_else(tmp_path, fault):
    output = start("-c", FAILING.format(fault=FAULTS[fault]), str(tmp_path), HOME=str(tmp_path))

    assert output.count("logger=wandb failed") == 1
    assert "all epochs were trained" in output.splitlines()


REPORT = """
import sys
from pathlib import Path
from aduni.training.trackers.wandb_logger import send_report

send_report(Path(sys.argv[1]), "study", project="trial", group="all", offline=True)
"""


@pytest.mark.slow
def test_a_report_is_a_run_with_its_tables_and_drawings(tmp_path):
    for name, text in {
        "tables/methods.csv": "row,accuracy\nCE,0.5\n",
        "figures/curves.svg": "<svg>drawn</svg>",
        "figures/curves.pdf": "%PDF",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    start("-c", REPORT, str(tmp_path), HOME=str(tmp_path))

    (stored,) = offline_runs(tmp_path)
    assert (stored.run.display_name, stored.run.run_group) == ("study", "all")
    assert stored.table("tables/methods").to_dict("list") == {"row": ["CE"], "accuracy": [0.5]}
    (drawing,) = stored.folder.rglob("*.html")
    assert "<svg>drawn</svg>" in drawing.read_text()


@pytest.mark.slow
def test_the_key_of_a_netrc_file_is_written_nowhere(tmp_path):
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1\n  login user\n  password {KEY}\n")
    (tmp_path / ".netrc").chmod(0o600)
    run = f"hydra.run.dir={tmp_path}/run"
    closed = "http://127.0.0.1:9"
    output = train(tmp_path, "logger=wandb", run, "verbose=true", WANDB_BASE_URL=closed)

    assert KEY not in output
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".netrc"]
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt") in files
    assert not any(KEY.encode() in path.read_bytes() for path in files)


@pytest.mark.slow
def test_the_csv_logger_imports_no_wandb(tmp_path):
    folder = f"hydra.run.dir={tmp_path}/run"
    output = train(tmp_path, folder, PYTHONPROFILEIMPORTTIME="1")

    imported = re.findall(r"^import time:.*\| *(\S+)$", output, re.MULTILINE)
    assert "aduni.training.run" in imported
    assert "wandb" not in imported
    assert (tmp_path / "run/metrics.json").exists()
