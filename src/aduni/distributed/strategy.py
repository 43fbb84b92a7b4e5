"""DDP strategy whose processes are started for one job of a multirun, and end together.

With Lightning's own launcher the further processes repeat the whole multirun. If one of them is
lost, it kills the first process without a message; if the first is lost, the others keep running.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch.distributed as dist
from hydra.core.hydra_config import HydraConfig
from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.strategies.launchers.subprocess_script import _SubprocessScriptLauncher

from aduni.distributed.process_group import abort_process_group, describe_fault
from aduni.distributed.watchdog import (
    ABORT_SECONDS,
    EXIT_GRACE_SECONDS,
    Watchdog,
    exit_now,
    monitor_parent,
    resume_hint,
)
from aduni.errors import UserError
from aduni.system.program import command_words
from aduni.system.signals import received_signal

CLUSTER_VARIABLES = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")
PARENT_PID_VARIABLE = "ADUNI_FIRST_PROCESS"

_watchdogs: list[Watchdog | None] = []
"""Watchdog of the current job, if one has started; None in a process that monitors its parent."""

_timers: list[threading.Timer] = []
"""Timer that ends the process if it hangs after a failure, if there was one."""


class MonitoredDDPStrategy(DDPStrategy):
    """DDP strategy that ends all processes of a machine if one of them fails."""

    def _configure_launcher(self) -> None:
        assert self.cluster_environment is not None
        self._launcher = _Launcher(self.cluster_environment, self.num_processes, self.num_nodes)

    def setup_environment(self) -> None:
        """Join the process group.

        Raises:
            UserError: if the processes have different run folders, or `trainer.sync_batchnorm` is
                on without GPUs.
        """
        super().setup_environment()
        if self._layer_sync and self.root_device.type == "cpu":
            raise UserError(
                "trainer.sync_batchnorm=true works on GPUs alone; set trainer.sync_batchnorm=false."
            )
        assert isinstance(self._launcher, _Launcher)
        folders: list[Any] = [None] * dist.get_world_size()
        dist.all_gather_object(folders, self._launcher.folder)
        if len(set(folders)) > 1:
            raise UserError(
                f"The processes have different run folders, {min(folders)} and {max(folders)}; "
                "give them one on a shared disk with hydra.run.dir=."
            )


@contextmanager
def end_all_processes() -> Iterator[None]:
    """End the processes that the block has started, so that the next job can start its own."""
    original = {name: os.environ[name] for name in CLUSTER_VARIABLES if name in os.environ}
    try:
        yield
    except BaseException as error:
        _exit_if_stuck(error)
        abort_process_group()  # before the others are ended: a running collective waits for them
        raise
    finally:
        for watchdog in filter(None, _watchdogs):
            watchdog.end(EXIT_GRACE_SECONDS)
            for name in CLUSTER_VARIABLES:
                os.environ.pop(name, None)
            os.environ.update(original)
        _watchdogs.clear()
        for timer in _timers:
            timer.cancel()
        _timers.clear()


class _Launcher(_SubprocessScriptLauncher):
    """Launcher that starts the other processes with the command of the current job."""

    folder = ""

    def launch(
        self, function: Callable[..., Any], *args: Any, trainer: Any = None, **kwargs: Any
    ) -> Any:
        """Call the function in all processes.

        Raises:
            UserError: if a process of another machine was lost. If one of this machine is lost,
                the watchdog exits this process.
        """
        self.folder = str(trainer.default_root_dir)
        if not _watchdogs:  # later stages use the processes of the first one
            self._start_monitoring()
        try:
            # Lightning starts no process if LOCAL_RANK is set.
            return super().launch(function, *args, trainer=trainer, **kwargs)
        except BaseException as error:
            self._fail(error)
            raise

    def kill(self, signum: Any) -> None:
        """Forward a signal to the other processes, or end them; Lightning calls this."""
        for watchdog in filter(None, _watchdogs if signum == signal.SIGKILL else ()):
            watchdog.end(0)
        super().kill(signum)

    def _start_monitoring(self) -> None:
        parent = os.environ.get(PARENT_PID_VARIABLE)
        if parent is not None:
            monitor_parent(int(parent), self.folder, reports=os.environ["LOCAL_RANK"] == "1")
            _watchdogs.append(None)
        elif not self.cluster_environment.creates_processes_externally:
            self._call_children_scripts()
            _watchdogs.append(Watchdog(self.procs, self.folder))

    def _call_children_scripts(self) -> None:
        environment = self.cluster_environment
        values = (
            *(environment.main_address, environment.main_port, environment.node_rank(), 0),
            self.num_processes * self.num_nodes,
        )
        os.environ.update(zip(CLUSTER_VARIABLES, map(str, values), strict=True))
        for number in range(1, self.num_processes):
            variables = {"LOCAL_RANK": str(number), PARENT_PID_VARIABLE: str(os.getpid())}
            process = subprocess.Popen(
                _command(number), env={**os.environ, **variables}, cwd=HydraConfig.get().runtime.cwd
            )
            self.procs.append(process)

    def _fail(self, error: BaseException) -> None:
        lost = f"Another process was lost; {resume_hint(self.folder)}"
        fault = describe_fault(error, lost)
        _exit_if_stuck(error, fault)
        # Any other process whose own error is the cause gets the time to report it first.
        if (fault == lost or not _is_first()) and not received_signal():
            time.sleep(EXIT_GRACE_SECONDS)
        abort_process_group()  # Lightning's clean-up would wait for a collective of ended processes
        for watchdog in filter(None, _watchdogs):
            watchdog.end(0)
        if fault:
            raise UserError(fault) from error


def _is_first() -> bool:
    """Return whether no process of this machine has started this one."""
    return PARENT_PID_VARIABLE not in os.environ


def _exit_if_stuck(error: BaseException, fault: str | None = None) -> None:
    """End the processes of this machine if this one hangs in its clean-up; the first says why."""
    if _timers or received_signal():  # a signal has a time limit of its own
        return
    reason = " ".join((fault or str(error) or type(error).__name__).split())
    timer = threading.Timer(ABORT_SECONDS, _exit_all, [reason])
    timer.daemon = True
    timer.start()
    _timers.append(timer)


def _exit_all(reason: str) -> None:
    for watchdog in filter(None, _watchdogs):
        watchdog.kill()  # else they report that the first process was lost
    exit_now(f"{reason.rstrip('.')} (the process hung after this error).", prints=_is_first())


def _command(number: int) -> list[str]:
    """Return the command of the current job only, even if it is part of a multirun."""
    hydra = HydraConfig.get()
    folder = hydra.runtime.output_dir.replace("\\", "\\\\").replace('"', '\\"')
    return [
        *command_words("train"),
        *hydra.overrides.task,
        *(option for option in hydra.overrides.hydra if not option.startswith("hydra.mode=")),
        *(f'hydra.run.dir="{folder}"', f"hydra.job.name=train_ddp_process_{number}"),
    ]
