"""What all commands share: errors as one sentence, and the exit status."""

import functools
import logging
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from aduni.errors import UserError, did_you_mean
from aduni.results import RunFolder
from aduni.resume import run_dir

MISTAKES = (UserError, HydraException, OmegaConfBaseException, OSError)

log = logging.getLogger(__name__)

OmegaConf.register_new_resolver("run_dir", run_dir, replace=True)


def run_command(main: Callable[[], Any]) -> None:
    """Call a Hydra main; a mistake of the user becomes one sentence and exit status 1.

    Anything else is a fault of this program and keeps its traceback. `verbose=true` on the
    command line shows the traceback of mistakes too.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra would print its own story and exit
    try:
        main()
    except MISTAKES as error:
        _exit(error)
    except KeyboardInterrupt:
        print("error: interrupted; resume=RUN continues the run.", file=sys.stderr)
        sys.exit(130)


def task(job: Callable[[DictConfig], Any]) -> Callable[[DictConfig], Any]:
    """A Hydra job whose command line and failure stand in its own log file."""

    @functools.wraps(job)
    def wrapped(config: DictConfig) -> Any:
        logging.captureWarnings(True)
        logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
        log.info("command: %s", shlex.join(["python", *sys.argv]))
        try:
            return job(config)
        except MISTAKES as error:
            log.error("%s", _sentence(error))
            if HydraConfig.get().mode is RunMode.MULTIRUN:
                raise  # Hydra goes on with the other jobs and fails at the end
            _exit(error)
        except Exception:
            log.exception("This is a fault of the program, not of its input.")
            raise

    return wrapped


def _exit(error: BaseException) -> NoReturn:
    if "verbose=true" in sys.argv:
        raise error
    print(f"error: {_sentence(error)}", file=sys.stderr)
    sys.exit(1)


def run_folder() -> RunFolder:
    """Of the Hydra job that is running."""
    return RunFolder(Path(HydraConfig.get().runtime.output_dir))


def _sentence(error: BaseException) -> str:
    cause = error.__cause__
    if isinstance(error, UserError):
        return str(error)
    if isinstance(cause, UserError):  # raised while a configuration was resolved
        return str(cause)
    if isinstance(error, MissingConfigException):
        return _missing_option(error)
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or error}; check the path and its permissions."
    if isinstance(error, OverrideParseException):
        return f"{error.override} cannot be read as key=value; put quotes around the value."
    if isinstance(error, MissingMandatoryValue):
        return f"{error.full_key} is missing; give it on the command line."
    if isinstance(cause, ConfigKeyError | ConfigAttributeError):
        return _unknown_key(cause)
    return " ".join(str(error).split())


def _missing_option(error: MissingConfigException) -> str:
    group, _, option = str(error.missing_cfg_file).rpartition("/")
    options = error.options or []
    hint = did_you_mean(option, options)
    return f"{group}={option} does not exist{hint}; choose one of {', '.join(options)}."


def _unknown_key(error: ConfigKeyError | ConfigAttributeError) -> str:
    full = str(error.full_key or error.key)
    siblings = error.parent_node if isinstance(error.parent_node, DictConfig) else {}
    known = [str(key) for key in siblings if key not in ("hydra", "_target_", "_partial_")]
    hint = did_you_mean(full.rpartition(".")[2], known)
    return f"{full} is no known key{hint}; the keys there are {', '.join(known)}."
