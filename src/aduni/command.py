"""What all commands share: errors as one sentence, and the exit status."""

import errno
import functools
import logging
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
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

from aduni.data.titles import own_title
from aduni.errors import UnknownOptionError, UserError, did_you_mean
from aduni.processes import is_first_process
from aduni.results import AUTO, RunFolder, check_continued, run_dir
from aduni.small_images import if_small
from aduni.stopping import stoppable, stopped_by

MISTAKES = (UserError, HydraException, OmegaConfBaseException, OSError)

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

log = logging.getLogger(__name__)

OmegaConf.register_new_resolver("run_dir", run_dir, replace=True)
OmegaConf.register_new_resolver("own_title", own_title, replace=True)
OmegaConf.register_new_resolver("if_small", if_small, replace=True)


def run_command(main: Callable[[], Any]) -> None:
    """Call a Hydra main; a mistake of the user becomes one sentence and exit status 1.

    Anything else is a fault of this program and keeps its traceback. `verbose=true` on the
    command line shows the traceback of mistakes too. Where a signal stops the command, its exit
    status is 128 and the signal's number.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra would print its own story and exit
    try:
        _check_place(sys.argv[1:])
        main()
    except MISTAKES as error:
        _exit(error)
    except ValueError as error:
        if isinstance(error.__cause__, OSError):  # of a log that cannot be opened
            _exit(error.__cause__)
        raise
    except KeyboardInterrupt:
        _print("interrupted before it began; start it again.")
        sys.exit(130)


def _check_place(words: Sequence[str]) -> None:
    """Before Hydra makes the folder that a run is not to be continued in."""
    values = dict(word.lstrip("+").split("=", 1) for word in words if "=" in word)
    resume = values.get("resume", AUTO)
    if resume in (AUTO, "null", ""):
        return
    run_dir(resume, "")
    folder = values.get("hydra.run.dir", resume).strip("\"'")
    several = {"-m", "--multirun"} & set(words)
    check_continued(resume, None if several else Path(folder))


def task(job: Callable[[DictConfig], Any]) -> Callable[[DictConfig], Any]:
    """A Hydra job whose command line and failure stand in its own log file."""

    @functools.wraps(job)
    def wrapped(config: DictConfig) -> Any:
        logging.captureWarnings(True)
        logging.raiseExceptions = False  # a full disk takes no log, and has its own sentence
        logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
        log.info("command: %s", shlex.join(["python", *sys.argv]))
        say_stopped = functools.partial(_say_stopped, run_folder() if "resume" in config else None)
        with stoppable(say_stopped):
            try:
                return job(config)
            except BaseException as error:
                stop = _stop_of(error)
                if stop is None:
                    _note(error)
                    raise
                say_stopped(stop)
                sys.exit(128 + stop)

    return wrapped


def _note(error: BaseException) -> None:
    """In the log; a mistake ends the command, unless Hydra is to go on with other jobs."""
    if isinstance(error, MISTAKES):
        log.error("%s", _sentence(error))
        if HydraConfig.get().mode is not RunMode.MULTIRUN:
            _exit(error)
    elif isinstance(error, Exception):
        log.exception("This is a fault of the program, not of its input.")


def _exit(error: BaseException) -> NoReturn:
    if _verbose():
        raise error
    _print(_sentence(error))
    sys.exit(1)


def _verbose() -> bool:
    """From the command line: the configuration may be what is at fault."""
    given = [word.removeprefix("verbose=") for word in sys.argv if word.startswith("verbose=")]
    return bool(given) and given[-1].lower() in ("true", "1", "yes", "on")


def _stop_of(error: BaseException) -> int | None:
    """The signal that an error comes from; Lightning's trainer exits where it is interrupted."""
    interrupted = KeyboardInterrupt in (type(error), type(error.__context__))
    return stopped_by() or (signal.SIGINT if interrupted else None)


def _say_stopped(folder: RunFolder | None, number: int) -> None:
    """The folder is None for a command that cannot be resumed."""
    if not is_first_process():
        return
    name = signal.Signals(number).name
    how = "interrupted" if number == signal.SIGINT else f"stopped by {name}"
    sentence = f"{how}; start it again."
    if folder is not None and folder.config.is_file():
        sentence = f"{how}; resume={folder.path} continues the run."
    log.error("%s", sentence)
    _print(sentence)


def _print(sentence: str) -> None:
    print(f"error: {sentence}", file=sys.stderr)


def run_folder() -> RunFolder:
    """Of the Hydra job that is running."""
    return RunFolder(Path(HydraConfig.get().runtime.output_dir))


def sweep_folder() -> Path | None:
    """Of the multirun that the Hydra job is part of."""
    hydra = HydraConfig.get()
    return Path(hydra.sweep.dir) if hydra.mode is RunMode.MULTIRUN else None


def _sentence(error: BaseException) -> str:
    cause = error.__cause__
    mistake = _user_error(error)
    if isinstance(mistake, UnknownOptionError):
        return _unknown_option(mistake)
    if mistake is not None:
        return str(mistake)
    if isinstance(error, MissingConfigException):
        return _missing_option(error)
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        remedy = "free space there" if error.errno in FULL else "check the path and its permissions"
        return f"{place}{error.strerror or error}; {remedy}."
    if isinstance(error, OverrideParseException):
        word = str(error.override)
        remedy = "put quotes around its values: ['a=1']" if "=" in word else f"write {word}=VALUE"
        return f"{word} cannot be read as key=value; {remedy}."
    if isinstance(error, MissingMandatoryValue):
        return f"{error.full_key} is missing; give it on the command line."
    if isinstance(cause, ConfigKeyError | ConfigAttributeError):
        return _unknown_key(cause)
    if other := re.match("Could not override '(.+?)'. No match in the defaults list", str(error)):
        return f"{other[1]} is no group of this command; --help lists its groups and keys."
    return " ".join(str(error).split())


def _user_error(error: BaseException | None) -> UserError | None:
    """The error or what it came from: Hydra and OmegaConf wrap what a resolver raises."""
    while error is not None and not isinstance(error, UserError):
        error = error.__cause__ or error.__context__
    return error


def _unknown_option(error: UnknownOptionError) -> str:
    """Who typed no such key has it from an experiment that is for another method."""
    if not HydraConfig.initialized():
        return str(error)
    hydra = HydraConfig.get()
    choices = hydra.runtime.choices
    experiment = choices.get("experiment")
    typed = [word.lstrip("+").partition("=")[0] for word in hydra.overrides.task]
    by_hand = any(f"{key}.".startswith(f"{error.key}.") for key in typed)
    group = error.key.partition(".")[0]
    if not experiment or by_hand or group not in typed:
        return str(error)
    return (
        f"experiment={experiment} sets {error.key}, which {error.problem}; remove "
        f"{group}={choices[group]} or experiment={experiment}."
    )


def _missing_option(error: MissingConfigException) -> str:
    group, _, option = str(error.missing_cfg_file).rpartition("/")
    options = error.options or []
    hint = did_you_mean(option, options)
    return f"{group}={option} does not exist{hint}; choose one of {', '.join(options)}."


def _unknown_key(error: ConfigKeyError | ConfigAttributeError) -> str:
    full = str(error.full_key or error.key)
    parent = error.parent_node
    siblings = parent if isinstance(parent, DictConfig) else DictConfig({})
    known = [str(key) for key in siblings if key not in ("hydra", "_target_", "_partial_")]
    hint = _deeper(full, siblings) or did_you_mean(full.rpartition(".")[2], known)
    return f"{full} is no known key{hint}; the keys there are {', '.join(known)}."


def _deeper(key: str, groups: DictConfig) -> str:
    """A hint at a group's key that was given without its group; copies of others' do not count."""
    entries = groups.items_ex(resolve=False)  # a key that must be given may be missing
    nodes = {str(name): node for name, node in entries if isinstance(node, DictConfig)}
    nodes.pop("hydra", None)
    found = [n for n in nodes if key in nodes[n] and not OmegaConf.is_interpolation(nodes[n], key)]
    return f" (did you mean {found[0]}.{key}?)" if found else ""
