"""Processes of a machine that train together: begun for one job, and ended together.

With Lightning's own launcher the further processes repeat a whole multirun; it kills the first
process without a word where another is lost, and leaves the others where the first is.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch.distributed as dist
from hydra.core.hydra_config import HydraConfig
from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.strategies.launchers.subprocess_script import _SubprocessScriptLauncher

from aduni.distributed.watchdog import PATIENCE, Watchdog, monitor_parent, remedy
from aduni.errors import UserError
from aduni.system.signals import received_signal

TRAIN = Path(__file__).resolve().parents[2] / "train.py"
PLACE = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")
PARENT = "ADUNI_FIRST_PROCESS"  # number of the process that began this one

_watches: list[Watchdog | None] = []
"""This process's, of its job: one, or None of a process that another watches."""


class MonitoredDDPStrategy(DDPStrategy):
    """Lightning's, with the launcher of this module."""

    def _configure_launcher(self) -> None:
        assert self.cluster_environment is not None
        self._launcher = _Launcher(self.cluster_environment, self.num_processes, self.num_nodes)

    def setup_environment(self) -> None:
        """Join the others.

        Raises:
            UserError: they work on another run, or cannot do together what they are to do.
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
    """When the block ends, so have the processes that it began, and the next may begin others."""
    outside = {name: os.environ[name] for name in PLACE if name in os.environ}
    try:
        yield
    finally:
        for watch in filter(None, _watches):
            watch.end(PATIENCE)
            if dist.is_initialized():
                dist.destroy_process_group()
            for name in PLACE:
                os.environ.pop(name, None)
            os.environ.update(outside)
        _watches.clear()


class _Launcher(_SubprocessScriptLauncher):
    """Begins the others by the command of the first one's job."""

    folder = ""

    def launch(
        self, function: Callable[..., Any], *args: Any, trainer: Any = None, **kwargs: Any
    ) -> Any:
        """Call the function in all processes.

        Raises:
            UserError: a process elsewhere was lost; the end of one on this machine ends this one.
        """
        self.folder = str(trainer.default_root_dir)
        if not _watches:  # a later stage goes on with the same processes
            self._meet()
        try:
            # It begins no process where there is LOCAL_RANK.
            return super().launch(function, *args, trainer=trainer, **kwargs)
        except BaseException as error:
            self._fail(error)
            raise

    def kill(self, signum: Any) -> None:
        """Called by Lightning, to pass on a signal or to end the others."""
        for watch in filter(None, _watches if signum == signal.SIGKILL else ()):
            watch.end(0)
        super().kill(signum)

    def _meet(self) -> None:
        parent = os.environ.get(PARENT)
        if parent is not None:
            monitor_parent(int(parent), self.folder, speaks=os.environ["LOCAL_RANK"] == "1")
            _watches.append(None)
        elif not self.cluster_environment.creates_processes_externally:
            self._call_children_scripts()
            _watches.append(Watchdog(self.procs, self.folder))

    def _call_children_scripts(self) -> None:
        environment = self.cluster_environment
        numbers = (
            *(environment.main_address, environment.main_port, environment.node_rank(), 0),
            self.num_processes * self.num_nodes,
        )
        os.environ.update(zip(PLACE, map(str, numbers), strict=True))
        for number in range(1, self.num_processes):
            place = {"LOCAL_RANK": str(number), PARENT: str(os.getpid())}
            process = subprocess.Popen(
                _command(number), env={**os.environ, **place}, cwd=HydraConfig.get().runtime.cwd
            )
            self.procs.append(process)

    def _fail(self, error: BaseException) -> None:
        """What cannot go on leaves the word to the process that knows more, if there is one."""
        lost = isinstance(error, dist.DistError) or "gloo" in str(error)
        if (lost or PARENT in os.environ) and not received_signal():
            time.sleep(PATIENCE)
        for watch in filter(None, _watches):
            watch.end(0)
        if lost:
            raise UserError(f"Another process was lost; {remedy(self.folder)}") from error


def _command(number: int) -> list[str]:
    """Of one job alone, whatever sweep it is part of."""
    hydra = HydraConfig.get()
    folder = hydra.runtime.output_dir.replace("\\", "\\\\").replace('"', '\\"')
    return [
        *(sys.executable, str(TRAIN)),
        *hydra.overrides.task,
        *(word for word in hydra.overrides.hydra if not word.startswith("hydra.mode=")),
        *(f'hydra.run.dir="{folder}"', f"hydra.job.name=train_ddp_process_{number}"),
    ]
