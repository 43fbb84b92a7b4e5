"""What export.py does, from checked settings to a file that was compared with its checkpoint."""

from pathlib import Path

from aduni.errors import UserError
from aduni.export.check import TOLERANCE, check_images, largest_difference, original_probabilities
from aduni.export.description import describe
from aduni.export.formats import FORMATS, check_packages
from aduni.export.served import Served
from aduni.export.settings import ExportSettings
from aduni.files import written_whole
from aduni.trained import load_trained


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
    with written_whole(output) as temporary:
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
