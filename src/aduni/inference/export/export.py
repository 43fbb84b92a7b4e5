"""What export.py does, from checked settings to a file that was compared with its checkpoint."""

from pathlib import Path

from aduni.errors import UserError
from aduni.evaluation.trained_model import load_trained
from aduni.inference.export.compare import (
    TOLERANCE,
    check_images,
    largest_difference,
    original_probabilities,
)
from aduni.inference.export.export_settings import ExportSettings
from aduni.inference.export.exported_graph import Served
from aduni.inference.export.formats import FORMATS, check_packages
from aduni.inference.export.metadata import describe
from aduni.system.atomic_files import atomic_write


def export(settings: ExportSettings) -> str:
    """Write the file, read it again, and compare.

    Returns:
        What was written and how well it agrees, in one line.

    Raises:
        UserError: whatever the user can mend; then nothing is written.
    """
    check_packages(settings.format)
    output = settings.output
    _make_place(output)
    with atomic_write(output) as temporary:
        temporary.touch()  # what cannot be written should fail now, not in a minute
        trained = load_trained(Path(settings.ckpt), settings.trust)
        images = check_images(settings.images, *trained.input_format)
        expected = original_probabilities(trained, images)
        description = describe(trained)
        served = Served(trained.method, description["temperature"] or 1.0, trained.image_size)
        kind = FORMATS[settings.format]
        temporary.write_bytes(kind.encode(served, description))
        difference = largest_difference(kind.runner(temporary, settings.trust), images, expected)
        if not difference <= TOLERANCE:
            raise UserError(
                f"{output} was not kept: its probabilities differ from those of {settings.ckpt} by "
                f"up to {difference:.2g}; use another format, or another encoder."
            )
    size = output.stat().st_size / 2**20
    return (
        f"{output} ({size:.1f} MiB): {len(images)} images agree to {difference:.1g}, the largest "
        "difference of a probability."
    )


def _make_place(output: Path) -> None:
    if output.is_dir():
        raise UserError(f"{output} is a folder; give the file another name.")
    output.parent.mkdir(parents=True, exist_ok=True)
