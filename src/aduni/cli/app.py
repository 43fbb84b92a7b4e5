"""What all commands share: errors as one sentence, and the exit status."""

import functools
import logging
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from aduni.cli.error_messages import sentence_of
from aduni.data.datasets.titles import own_title
from aduni.distributed.rank_zero import is_first_process
from aduni.errors import UserError
from aduni.models.small_images import if_small
from aduni.results.run_folder import AUTO, RunFolder, check_continued, run_dir
from aduni.shortage import shortage
from aduni.system.signals import interruptible, received_signal

MISTAKES = (UserError, HydraException, OmegaConfBaseException, OSError)

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
        sys.stdout.flush()  # a full disk has its say here, and not when Python ends
    except KeyboardInterrupt:
        _print("interrupted before it began; start it again.")
        sys.exit(130)
    except Exception as error:
        if isinstance(error, ValueError) and isinstance(error.__cause__, OSError):
            _exit(error.__cause__)  # of a log that cannot be opened
        if not _is_mistake(error):
            raise
        _exit(error)


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
        with interruptible(say_stopped):
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


def _is_mistake(error: BaseException) -> bool:
    """Whether somebody else than this program is to mend it."""
    return isinstance(error, MISTAKES) or shortage(error) is not None


def _note(error: BaseException) -> None:
    """In the log; a mistake ends the command, unless Hydra is to go on with other jobs."""
    if _is_mistake(error):
        log.error("%s", sentence_of(error))
        if HydraConfig.get().mode is not RunMode.MULTIRUN:
            _exit(error)
    elif isinstance(error, Exception):
        log.exception("This is a fault of the program, not of its input.")


def _exit(error: BaseException) -> NoReturn:
    if _verbose():
        raise error
    _print(sentence_of(error))
    if sys.unraisablehook is sys.__unraisablehook__:  # what is half-built fails as it is collected
        sys.unraisablehook = _passed_over
    sys.exit(1)


def _passed_over(what: object) -> None:
    pass


def _verbose() -> bool:
    """From the command line: the configuration may be what is at fault."""
    given = [word.removeprefix("verbose=") for word in sys.argv if word.startswith("verbose=")]
    return bool(given) and given[-1].lower() in ("true", "1", "yes", "on")


def _stop_of(error: BaseException) -> int | None:
    """The signal that an error comes from; Lightning's trainer exits where it is interrupted."""
    interrupted = KeyboardInterrupt in (type(error), type(error.__context__))
    return received_signal() or (signal.SIGINT if interrupted else None)


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
