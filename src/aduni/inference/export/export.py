"""Export a checkpoint to a file or a folder, and compare the two."""

from aduni.errors import UserError
from aduni.inference.export.comparison import compare, read_source
from aduni.inference.export.export_settings import FOLDER, ExportSettings
from aduni.inference.export.formats import FORMATS
from aduni.system.atomic_files import atomic_write


def export(settings: ExportSettings) -> str:
    """Write the file or folder, read it back, compare it with its checkpoint, and describe it."""
    if settings.format == FOLDER:
        from aduni.inference.export.huggingface.write_folder import write_folder  # needs timm

        return write_folder(settings)
    output, kind = settings.output, FORMATS[settings.format]
    if output.is_dir():
        raise UserError(f"{output} is a folder; give the file another name.")
    output.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(output) as temporary:
        temporary.touch()  # fail now rather than in a minute if it cannot be written
        source = read_source(settings)
        temporary.write_bytes(kind.encode(source.model, source.description))
        agreement = compare(kind.runner(temporary, settings.trust), source, settings)
    return f"{output} ({output.stat().st_size / 2**20:.1f} MiB): {agreement}"
