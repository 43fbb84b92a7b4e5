"""Make the report only if something that it shows has changed.

This module looks at files alone: what draws and computes is imported when it is needed.
"""

import hashlib
from pathlib import Path

from aduni.data.names import escape
from aduni.errors import UserError, is_utf8
from aduni.reporting.inputs import Sources
from aduni.results.kept_runs import read_found_plan
from aduni.results.plan import Plan, states_of
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_folder import INDEX, STAMP

INPUTS = ("config", "metrics", "stored_predictions", "split", "history", "log", "features")


def cached_report(sources: Sources) -> Path:
    """Return the page, made anew unless the existing one was made from the same sources."""
    page, stamp = sources.output / INDEX, sources.output / STAMP
    plan = read_found_plan(sources.root)
    digest = _digest(sources, plan)
    if page.exists() and stamp.exists() and stamp.read_text() == digest:
        return page
    from aduni.reporting.build import build_report

    return build_report(sources, digest)


def _digest(sources: Sources, plan: Plan | None) -> str:
    """Hash everything that the report shows, and the code that makes it."""
    states = sorted(states_of(sources.root, plan).items())
    digest = hashlib.sha256(repr((plan, states, sources)).encode())
    for metrics in _below(sources, "metrics.json"):
        if not is_utf8(str(metrics)):
            raise UserError(
                f"{escape(str(metrics.parent))} has a name that is not UTF-8, which no page can "
                "hold; give the run's folder another name."
            )
        for name in INPUTS:
            file: Path = getattr(RunFolder(metrics.parent), name)
            if file.is_file():
                digest.update(str(file).encode() + b"\0")
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    for split in _below(sources, "splits/*.csv"):
        digest.update(split.read_bytes())
    for file in sources.questions.files if sources.questions else ():
        digest.update(file.read_bytes() if file.is_file() else b"")
    # All code of the package: figures that a metrics.json lacks come from outside of `report`.
    for file in sorted(Path(__file__).parents[1].rglob("*.*")):
        if file.suffix in (".py", ".j2"):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _below(sources: Sources, pattern: str) -> list[Path]:
    return sorted({file for folder in sources.folders for file in folder.rglob(pattern)})
