"""Export a checkpoint to a file, and compare the two."""

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
from aduni.inference.export.exported_graph import ExportedModel
from aduni.inference.export.formats import FORMATS, check_packages
from aduni.inference.export.metadata import describe
from aduni.system.atomic_files import atomic_write


def export(settings: ExportSettings) -> str:
    """Write the file, read it back and compare it with its checkpoint.

    Returns:
        A sentence on the file and how well it agrees.

    Raises:
        UserError: if there is a mistake that the user can fix; then no file is written.
    """
    check_packages(settings.format)
    output = settings.output
    if output.is_dir():
        raise UserError(f"{output} is a folder; give the file another name.")
    output.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(output) as temporary:
        temporary.touch()  # fail now rather than in a minute if it cannot be written
        trained = load_trained(Path(settings.ckpt), settings.trust)
        images = check_images(settings.images, *trained.input_format)
        expected = original_probabilities(trained, images)
        description = describe(trained)
        model = ExportedModel(trained.method, description["temperature"] or 1.0, trained.image_size)
        kind = FORMATS[settings.format]
        temporary.write_bytes(kind.encode(model, description))
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
