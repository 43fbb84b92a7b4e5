"""Keep a finished reproduction, small enough to be committed.

    python scripts/keep_runs.py outputs/reproduce/study results/study
    python src/report.py runs=results/study detailed_rows=null table@methods=study

The second command makes tables, figures and page of what the first has kept: the plan, each split
once for all runs that have it, and of each finished run its configuration, history, metrics,
features and compressed predictions, and of its log the command, since the rest names folders of the
machine; of an absolute path to its data set the name stays. With `--decimals 4` probabilities are
rounded, which leaves a third of the bytes and every decision, and metrics.json has the metrics that
the rounded ones give.
A second call takes over what is new or changed, and removes what is no longer planned.
"""

import json
import re
import shutil
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Collection
from gzip import GzipFile
from gzip import open as gzip_open
from io import BytesIO
from pathlib import Path

from omegaconf import OmegaConf

from aduni.cli.app import run_command
from aduni.errors import UserError
from aduni.results.finished_runs import read_run
from aduni.results.plan import Plan, damage_of, read_plan
from aduni.results.run_folder import RunFolder
from aduni.results.short_predictions import with_short_predictions
from aduni.system.atomic_files import atomic_write, read_json, read_yaml
from aduni.system.temporary import final_name

# Metrics come last: with them a run counts as finished.
KEPT = ("config", "history", "log", "features", "packed_predictions", "metrics")
NAMES = frozenset(getattr(RunFolder(Path()), kept).name for kept in KEPT)
PLACES = ("root", "csv", "cache_dir")  # of the data set
SPLIT = re.compile(r"[0-9a-f]{16}\.csv")


def main() -> None:
    """Keep the runs that the command line names, and print how many there are."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="folder of reproduce.py, with a plan.json")
    parser.add_argument("target", type=Path, help="folder that is made, or brought up to date")
    parser.add_argument(
        "--drop-features",
        nargs="+",
        default=(),
        metavar="DATASET",
        help="data sets whose training features, by far the largest file of a run, are not kept",
    )
    parser.add_argument("--decimals", type=int, help="of the kept probabilities (default: all)")
    arguments = parser.parse_args()
    files = keep_runs(
        arguments.source, arguments.target, arguments.drop_features, arguments.decimals
    )
    count = sum(file.name == "metrics.json" for file in files)
    size = sum(file.stat().st_size for file in files) / 1e6
    print(f"{arguments.target}: {count} {'run' if count == 1 else 'runs'}, {size:.1f} MB")


def keep_runs(
    source: Path,
    target: Path,
    drop_features: Collection[str] = (),
    decimals: int | None = None,
) -> list[Path]:
    """Make the kept form of a reproduction, or bring it up to date.

    Args:
        source: folder of reproduce.py.
        target: folder that is made, or brought up to date.
        drop_features: names of data sets whose runs' training features are left out.
        decimals: of the kept probabilities; None for all.

    Returns:
        Its files; not those of a report that lies beside them.

    Raises:
        UserError: the source has no plan, no finished run or a damaged one, or the target holds
            something else. Nothing has been changed then.
        OSError: the target cannot be written; each file there is whole.
    """
    plan = read_plan(source)
    if plan is None:
        raise UserError(f"{source / 'plan.json'} is missing; give a folder of reproduce.py.")
    finished = finished_runs(source, plan)
    if not finished:
        raise UserError(f"{source} holds no finished run of its plan; run reproduce.py first.")
    check_target(source, target, plan)
    metrics = {run: read_run(run).metrics for run in finished}
    splits = shared_splits({run: read["split_hash"] for run, read in metrics.items()})
    (target / "splits").mkdir(parents=True, exist_ok=True)
    for name, content in splits.items():
        put(content, target / "splits" / name)
    for run, read in metrics.items():
        dropped = {run.features.name} if read["dataset"] in drop_features else set()
        keep_run(run, target / "runs" / run.path.name, dropped, decimals)
    put((source / "plan.json").read_bytes(), target / "plan.json")
    remove_the_rest(target, {run.folder for run in plan.runs})
    return [target / "plan.json", *target.glob("splits/*"), *target.glob("runs/*/*")]


def shared_splits(hashes: dict[RunFolder, str]) -> dict[str, bytes]:
    """Each split once, by the name of its file.

    Raises:
        UserError: two runs have the same parts, which the hash is of, but other groups.
    """
    splits: dict[str, tuple[RunFolder, bytes]] = {}
    for run, name in hashes.items():
        content = run.stored_split(name).read_bytes()
        first, same = splits.setdefault(f"{name}.csv", (run, content))
        if content != same:
            raise UserError(
                f"{run.path} groups images in another way than {first.path}; remove one of the two "
                "runs, and train it again."
            )
    return {name: content for name, (_, content) in splits.items()}


def remove_the_rest(target: Path, planned: Collection[str]) -> None:
    """Remove runs that are no longer planned, and splits that no kept run has."""
    for folder in (target / "runs").iterdir():
        if folder.name not in planned:
            shutil.rmtree(folder)
    used = {read_json(file)["split_hash"] for file in target.glob("runs/*/metrics.json")}
    for file in (target / "splits").iterdir():
        if file.stem not in used:
            file.unlink()


def finished_runs(source: Path, plan: Plan) -> list[RunFolder]:
    """Folders of the planned runs that are finished, sorted."""
    planned = {run.folder for run in plan.runs}
    # What is there, and not what a plan names, which might lead out of the folder.
    folders = [RunFolder(path) for path in sorted((source / "runs").glob("*"))]
    there = [run for run in folders if run.path.name in planned and run.metrics.exists()]
    return [run for run in there if damage_of(run) is None]


def check_target(source: Path, target: Path, plan: Plan) -> None:
    """Raise UserError unless the target is new, or kept runs of the same profile and no more.

    What a call may remove must be nothing but what an earlier one has written.
    """
    if target.resolve().is_relative_to(source.resolve()):
        raise UserError(f"{target} lies in {source}; give another folder to keep the runs in.")
    earlier = read_plan(target)
    if earlier and earlier.profile != plan.profile:
        raise UserError(
            f"{target} keeps the profile {earlier.profile}, {source} holds {plan.profile}; give "
            "another folder to keep the runs in."
        )
    runs, splits = target / "runs", target / "splits"
    for path in (*runs.rglob("*"), *splits.rglob("*")):
        own = path.is_dir() if path.parent == runs else path.is_file() and is_kept(path)
        if path.is_symlink() or not own:
            raise UserError(f"{path} is nothing that was kept; remove it, or give another folder.")


def is_kept(path: Path) -> bool:
    """Tell whether this script writes a file, or a call that was killed began it."""
    name = final_name(path.name) or path.name
    return bool(SPLIT.fullmatch(name)) if path.parent.name == "splits" else name in NAMES


def keep_run(run: RunFolder, target: Path, dropped: Collection[str], decimals: int | None) -> None:
    """Write what is new or changed of a finished run, and remove what it no longer has."""
    target.mkdir(parents=True, exist_ok=True)
    kept = RunFolder(target)
    contents = {
        kept.path / name: content
        for name, content in contents_of(run, decimals).items()
        if name not in dropped
    }
    for file in target.iterdir():
        if file not in contents:
            file.unlink()
    for file, content in contents.items():
        put(content, file)


def contents_of(run: RunFolder, decimals: int | None) -> dict[str, bytes]:
    """Return what is kept of a run, by the files' names."""
    contents = {}
    short = None if decimals is None else with_short_predictions(run, decimals)
    for kept in KEPT:
        file: Path = getattr(run, kept)
        if file == run.packed_predictions:
            plain = unpacked(run.stored_predictions) if short is None else short[0].encode()
            contents[file.name] = packed(plain)
        elif file == run.metrics and short is not None:
            contents[file.name] = json.dumps(short[1], indent=2).encode()
        elif file == run.log and file.is_file():
            contents[file.name] = command_of(file)
        elif file == run.config:
            contents[file.name] = without_folders(file)
        elif file.is_file():
            contents[file.name] = file.read_bytes()
    return contents


def command_of(log: Path) -> bytes:
    """The lines that say which command was given."""
    lines = log.read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if b"command: " in line)


def without_folders(config: Path) -> bytes:
    """The configuration with a name in the place of an absolute path to the data set."""
    content = read_yaml(config)
    dataset = content.get("dataset", {})
    paths = {key: Path(str(dataset.get(key))) for key in PLACES}
    names = {key: path.name for key, path in paths.items() if path.is_absolute()}
    if not names:
        return config.read_bytes()
    return OmegaConf.to_yaml(
        OmegaConf.create({**content, "dataset": {**dataset, **names}})
    ).encode()


def unpacked(predictions: Path) -> bytes:
    """Return the content of predictions.csv, or of predictions.csv.gz."""
    plain = predictions.suffix != ".gz"
    with predictions.open("rb") if plain else gzip_open(predictions) as opened:
        return opened.read()


def packed(content: bytes) -> bytes:
    """Compressed; the same bytes for the same content, as neither a name nor a time is in them."""
    buffer = BytesIO()
    with GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as file:
        file.write(content)
    return buffer.getvalue()


def put(content: bytes, path: Path) -> None:
    """Write a file whole, unless it has that content."""
    if path.is_file() and path.read_bytes() == content:
        return
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


if __name__ == "__main__":
    run_command(main)
