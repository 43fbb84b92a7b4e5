"""Write the folder of a checkpoint, complete or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aduni.errors import UserError
from aduni.inference.export.comparison import compare, read_source
from aduni.inference.export.export_settings import ExportSettings
from aduni.inference.export.huggingface.card import readme, run_content, why_not_timm
from aduni.inference.export.huggingface.folder import CARD, CONFIG, WEIGHTS, model_folder
from aduni.system.atomic_files import read_json
from aduni.system.temporary import temporary_name


def write_folder(settings: ExportSettings) -> str:
    """Write config.json, weights and card, read them back, compare them, and describe them."""
    output = settings.output
    if output.exists() and not output.is_dir():
        raise UserError(f"{output} is a file; give the folder another name.")
    _refuse_files_of_others(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    with _replacing(output) as temporary:
        source = read_source(settings)
        folder = model_folder(source.model, source.description)
        folder.write(temporary)
        (temporary / CARD).write_text(readme(folder, run_content(source.trained)), encoding="utf-8")
        agreement = compare(folder.runner(temporary), source, settings)
    size = sum((output / name).stat().st_size for name in (CONFIG, WEIGHTS, CARD))
    reason = why_not_timm(folder.network)
    opened = f"The lines in {CARD} open it: {reason}" if reason else "timm opens it"
    return f"{output} ({size / 2**20:.1f} MiB): {agreement} {opened}."


def _refuse_files_of_others(folder: Path) -> None:
    """Raise UserError if the export would replace files that are of no earlier one."""
    names = [name for name in (CONFIG, WEIGHTS, CARD) if (folder / name).exists()]
    try:
        is_ours = isinstance(read_json(folder / CONFIG).get("aduni"), dict)
    except (OSError, UserError, AttributeError):
        is_ours = False
    if names and not is_ours:
        raise UserError(
            f"{folder / names[0]} is of no earlier export, which would replace it; move it away, "
            "or give a new folder with output=."
        )


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder, and move its files to `folder` if the block succeeds.

    Other files in `folder`, such as those of a clone of a repository, stay. config.json, without
    which nothing loads a folder, is removed first and moved last, so that a kill leaves no folder
    with the weights of one model and the settings of another.
    """
    temporary = temporary_name(folder)
    temporary.mkdir()
    try:
        yield temporary
        folder.mkdir(exist_ok=True)
        (folder / CONFIG).unlink(missing_ok=True)
        for name in (WEIGHTS, CARD, CONFIG):
            os.replace(temporary / name, folder / name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
