"""Run a script's Hydra main: errors become one sentence, signals an exit status."""

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

from aduni.cli.early_checks import check_names
from aduni.cli.error_messages import describe_error
from aduni.data.names import own_image_size, own_title
from aduni.distributed.rank_zero import is_first_process
from aduni.errors import UserError
from aduni.models.normalisation import of_weights, timm_architecture
from aduni.results.run_folder import AUTO, RunFolder, check_continued, run_dir
from aduni.shortage import shortage
from aduni.system.freed_memory import keep_freed_memory
from aduni.system.program import as_called, typed_words
from aduni.system.signals import interruptible, received_signal

MISTAKES = (UserError, HydraException, OmegaConfBaseException, OSError)

log = logging.getLogger(__name__)

OmegaConf.register_new_resolver("run_dir", run_dir, replace=True)
OmegaConf.register_new_resolver("own_title", own_title, replace=True)
OmegaConf.register_new_resolver("own_image_size", own_image_size, replace=True)
OmegaConf.register_new_resolver("of_weights", of_weights, replace=True)
OmegaConf.register_new_resolver("timm_architecture", timm_architecture, replace=True)


def run_command(main: Callable[[], Any]) -> None:
    """Call a Hydra main; print a user's mistake as one sentence and exit with status 1.

    Other errors are bugs and keep their traceback; `verbose=true` on the command line shows it for
    mistakes too. A command that a signal stops exits with 128 plus the signal's number.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # otherwise Hydra prints its own message and exits
    try:
        _check_resume(sys.argv[1:])
        main()
        sys.stdout.flush()  # a full disk should raise here rather than in Python's shutdown
    except KeyboardInterrupt:
        _print_error("interrupted before it began; start it again.")
        sys.exit(130)
    except Exception as error:
        if isinstance(error, ValueError) and isinstance(error.__cause__, OSError):
            _exit(error.__cause__)  # `logging` could not open the log file
        if not _is_mistake(error):
            raise
        _exit(error)


def _check_resume(args: Sequence[str]) -> None:
    """Reject a `resume=` that cannot work before Hydra creates a folder for it."""
    values = dict(arg.lstrip("+").split("=", 1) for arg in args if "=" in arg)
    resume = values.get("resume", AUTO).strip("\"'")
    if resume in (AUTO, "null", ""):
        return
    run_dir(resume, "")
    folder = Path(values.get("hydra.run.dir", resume).strip("\"'"))
    check_continued(resume, None if {"-m", "--multirun"} & set(args) else folder)


def task(job: Callable[[DictConfig], Any]) -> Callable[[DictConfig], Any]:
    """Decorate a Hydra job so that its log has the command line and the reason of a failure."""

    @functools.wraps(job)
    def wrapped(config: DictConfig) -> Any:
        keep_freed_memory()
        logging.captureWarnings(True)
        logging.raiseExceptions = False  # a full disk fails the log too, but is reported once
        logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
        log.info("command: %s", shlex.join(typed_words()))
        folder = run_folder() if "resume" in config else None
        report_stop = functools.partial(_report_stop, folder)
        with interruptible(report_stop):
            try:
                check_names(config)
                return job(config)
            except BaseException as error:
                number = _signal_behind(error)
                if number is None:
                    _log_failure(error)
                    raise
                report_stop(number)
                sys.exit(128 + number)

    return wrapped


def _is_mistake(error: BaseException) -> bool:
    """Tell whether the user or the machine, rather than this program, is at fault."""
    return isinstance(error, MISTAKES) or shortage(error) is not None


def _log_failure(error: BaseException) -> None:
    """Log an error; exit if it is a mistake, unless Hydra has further jobs to run."""
    if _is_mistake(error):
        log.error("%s", describe_error(error))
        if HydraConfig.get().mode is not RunMode.MULTIRUN:
            _exit(error)
    elif isinstance(error, Exception):
        log.exception("This is a fault of the program, not of its input.")


def _exit(error: BaseException) -> NoReturn:
    # Read from the command line, since the configuration itself may be at fault.
    verbose = [arg.removeprefix("verbose=") for arg in sys.argv if arg.startswith("verbose=")]
    if verbose and verbose[-1].lower() in ("true", "1", "yes", "on"):
        raise error
    _print_error(describe_error(error))
    if sys.unraisablehook is sys.__unraisablehook__:
        # Half-built objects may fail in their finalizers, which is no news.
        sys.unraisablehook = lambda unraisable: None
    sys.exit(1)


def _signal_behind(error: BaseException) -> int | None:
    """Return the signal that caused an error; Lightning's trainer exits when interrupted."""
    interrupted = KeyboardInterrupt in (type(error), type(error.__context__))
    return received_signal() or (signal.SIGINT if interrupted else None)


def _report_stop(folder: RunFolder | None, number: int) -> None:
    """Print and log the signal, and how to resume the run in `folder` if there is one."""
    if not is_first_process():
        return
    name = signal.Signals(number).name
    how = "interrupted" if number == signal.SIGINT else f"stopped by {name}"
    sentence = f"{how}; start it again."
    if folder is not None and folder.config.is_file():
        sentence = f"{how}; resume={folder.path} continues the run."
    log.error("%s", sentence)
    _print_error(sentence)


def _print_error(sentence: str) -> None:
    print(f"error: {as_called(sentence)}", file=sys.stderr)


def run_folder() -> RunFolder:
    """Return the output folder of the running Hydra job."""
    return RunFolder(Path(HydraConfig.get().runtime.output_dir))


def is_multirun() -> bool:
    """Tell whether the running Hydra job belongs to a multirun."""
    return HydraConfig.get().mode is RunMode.MULTIRUN
