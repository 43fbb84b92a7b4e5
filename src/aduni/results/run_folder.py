"""The folder of a run: the names of its files, and who trains it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

from filelock import FileLock, Timeout

from aduni.errors import UserError

AUTO = "auto"
"""Value of `resume` that continues the run in the job's folder, if there is one."""

WITHOUT_EFFECT = (
    *("resume", "verbose", "num_workers", "data_on_gpu"),
    *("dataset.root", "dataset.csv", "dataset.cache_dir"),
)
"""Keys of config.yaml that no metric depends on."""

TRAINING_KEY = b"optimizer_states"
"""A key of Lightning's checkpoints that copies of earlier runs' stages lack."""

LOCK_SECONDS = 5
"""How long to wait for a lock, which a check of a run's state holds for a moment."""


class _File:
    """Attribute of a folder's class: the path of a file in the folder."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, folder: "RunFolder", owner: type) -> Path:
        return folder.path / self._name


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run and the files in it."""

    path: Path

    config = _File("config.yaml")
    """The resolved configuration."""
    split = _File("split.csv")
    """The part of every image."""
    sources = _File("sources.csv")
    """The digest of every source file; absent if the pixels come with a library."""
    history = _File("history.csv")
    """A row for each epoch."""
    predictions = _File("predictions.csv")
    """Class probabilities of validation, calibration and test images."""
    packed_predictions = _File("predictions.csv.gz")
    """The same, compressed, as kept results have it."""
    decision = _File("decision.json")
    """Thresholds by which new images are decided, if they were asked for."""
    metrics = _File("metrics.json")
    """The metrics of a run; it exists if, and only if, the run is finished."""
    card = _File("model_card.md")
    """The model card, for those who use or judge the model."""
    curves = _File("curves.svg")
    """Loss and validation score over the epochs."""
    confusion = _File("confusion.svg")
    """Test images by true and predicted class."""
    batch_picture = _File("batch.png")
    """Views of the first training batch; absent if features are trained on."""
    page = _File("index.html")
    """The pictures and the model card, for a browser."""
    features = _File("features.npz")
    """Pooled features of the training images, if `save_features` is set."""
    log = _File("train.log")
    """Command, warnings and summary."""
    lock = _File(".lock")
    """Locked by the process that trains the run."""
    job_lock = _File(".job.lock")
    """Locked by the job of a planned run, from before its training starts."""
    failure = _File("failure.json")
    """Reason why the last try of a planned run failed; absent once a try succeeds."""
    console = _File("console.txt")
    """Output of the last try of a planned run."""
    wandb_id = _File("wandb_id.txt")
    """Id of the W&B run, so that a resumed job continues it."""

    def stored_split(self, split_hash: str) -> Path:
        """Return the run's own split.csv, or in kept results the one that many runs share."""
        shared = self.path.parent.parent / "splits" / f"{split_hash}.csv"
        return shared if shared.exists() and not self.split.exists() else self.split

    @property
    def stored_predictions(self) -> Path:
        """Plain or compressed predictions, whichever exist; the plain ones if both do or none."""
        packed = self.packed_predictions
        return packed if packed.exists() and not self.predictions.exists() else self.predictions

    def checkpoint(self, name: str, stage: str = "") -> Path:
        """Return the `best` or `last` checkpoint of the final stage, or of an earlier one."""
        return self.path / (stage or "checkpoints") / f"{name}.ckpt"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training this run; the lock goes with its process."""
        try:
            with FileLock(self.lock, timeout=LOCK_SECONDS):
                yield
        except Timeout as error:
            raise UserError(
                f"{self.path} is being trained by another process; wait for its end, or stop it."
            ) from error

    def refuse_training(self) -> None:
        """Raise UserError if an epoch was trained here."""
        if self.holds_training():
            if self.config.is_file():
                remedy = f"continue it with resume={self.path}"
            else:
                remedy = "restore its config.yaml to continue it"
            raise UserError(
                f"{self.path} already holds a run; give another hydra.run.dir (in Python output), "
                f"or {remedy}."
            )

    def begin_anew(self) -> None:
        """Remove what a start that trained nothing has left; raise UserError after any training."""
        self.refuse_training()
        results = (
            *(self.predictions, self.features, self.card, self.wandb_id),
            *(self.curves, self.confusion, self.batch_picture, self.page),
        )
        # The configuration goes last: while it exists, a killed start is cleared again.
        for file in (*self.checkpoints(), *results, self.config):
            file.unlink(missing_ok=True)

    def can_continue(self) -> bool:
        """Return whether the folder holds a run of at least one epoch."""
        return self.config.is_file() and self.holds_training()

    def holds_training(self) -> bool:
        """Return whether an epoch was trained here, or a run was finished."""
        if self.history.exists() or self.metrics.exists():
            return True
        return not all(_is_copy(file) for file in self.checkpoints())

    def checkpoints(self) -> list[Path]:
        """Return the checkpoints of all stages, damaged ones too."""
        names = ("best", "last", "previous")
        return [file for name in names for file in self.path.glob(f"*/{name}.ckpt")]


def _is_copy(checkpoint: Path) -> bool:
    """Return whether a file holds weights only, as a stage without steps leaves them."""
    try:
        with ZipFile(checkpoint) as archive:
            (keys,) = (e for e in archive.infolist() if e.filename.endswith("/data.pkl"))
            return keys.compress_type == ZIP_STORED and TRAINING_KEY not in archive.read(keys)
    except Exception:  # zipfile raises many kinds of errors: remove nothing then
        return False


def run_dir(resume: str | None, new: str) -> str:
    """Return the folder for a new run, or of the run to continue."""
    if not resume or resume == AUTO:
        return new
    if not RunFolder(Path(resume)).config.is_file():
        raise UserError(f"resume={resume} holds no run: config.yaml is missing there.")
    return resume


def check_continued(resume: str, folder: Path | None) -> None:
    """Raise UserError if a run would be continued in another folder, or in several (None)."""
    if folder is None or folder.resolve() != Path(resume).resolve():
        raise UserError(
            "resume=FOLDER continues one run in its own folder; leave out -m and hydra.run.dir, or "
            "give resume=auto."
        )


def check_runs(root: Path) -> None:
    """Raise UserError if `runs`, in which run folders are looked for, is not a folder."""
    if not root.is_dir():
        raise UserError(f"runs={root} is not a folder; give one that holds run folders.")


def link_latest(run: Path) -> None:
    """Point outputs/latest to a run in outputs/; without links on the file system do nothing."""
    outputs = Path("outputs").resolve()
    link, temporary = outputs / "latest", outputs / f".latest.{os.getpid()}"
    if outputs not in run.resolve().parents or (link.exists() and not link.is_symlink()):
        return
    with suppress(OSError):
        temporary.symlink_to(run.resolve().relative_to(outputs), target_is_directory=True)
        temporary.replace(link)
