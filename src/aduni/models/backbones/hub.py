"""Fetch files from the Hugging Face hub into the cache of its client."""

import logging
from pathlib import Path

from aduni.errors import UserError, warn
from aduni.shortage import raise_shortage

log = logging.getLogger(__name__)


def fetch(repository: str, *files: str) -> Path:
    """Return the first of the files that a repository has, and say so before fetching it.

    Args:
        repository: OWNER/NAME, or OWNER/NAME@REVISION.
        files: names of files that do equally well, the preferred one first.

    Raises:
        UserError: if the hub cannot be reached, or does not give the file.
    """
    from huggingface_hub import constants, errors  # installed with timm

    for file in files:
        try:
            return _download(repository, file, local=True)
        except errors.LocalEntryNotFoundError:
            continue
        except (errors.HFValidationError, ValueError) as error:
            raise UserError(
                f"{repository} is not a repository of the hub ({_reason(error)}); write "
                "hf-hub:OWNER/NAME."
            ) from error
    warn(log, f"{' or '.join(files)} of {repository} is being fetched from {constants.ENDPOINT}.")
    for file in files:
        try:
            return _download(repository, file)
        except errors.RemoteEntryNotFoundError:
            continue
        except errors.GatedRepoError as error:
            raise UserError(
                f"{repository} is gated; accept its terms at {constants.ENDPOINT}/"
                f"{repository.partition('@')[0]}, and set HF_TOKEN to a token of your account."
            ) from error
        except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
            raise UserError(
                f"{repository} does not exist on the hub, or is private; check the name, or set "
                "HF_TOKEN to a token that may read it."
            ) from error
        except Exception as error:  # its client raises kinds of several libraries
            raise_shortage(error)
            raise UserError(
                f"{file} of {repository} could not be fetched from {constants.ENDPOINT} "
                f"({_reason(error)}); connect to the network once, or give a folder with "
                "encoder.name=local-dir: or a file with encoder.weights=."
            ) from error
    raise UserError(
        f"{repository} has no {' or '.join(files)}; fetch its weights, and give the file with "
        "encoder.weights=."
    )


def licence_of(repository: str) -> str | None:
    """Return the licence that a repository's README.md states, None if it states none."""
    from huggingface_hub import ModelCard

    try:
        licence = ModelCard.load(fetch(repository, "README.md")).data.license
    except (UserError, ValueError):
        return None
    return str(licence) if licence else None


def _download(repository: str, file: str, local: bool = False) -> Path:
    from huggingface_hub import hf_hub_download

    place, _, revision = repository.partition("@")
    return Path(hf_hub_download(place, file, revision=revision or None, local_files_only=local))


def _reason(error: BaseException) -> str:
    """Return the first sentence of the error that caused another."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip() or type(error).__name__).splitlines()[0].split(". ")[0].rstrip(".")
