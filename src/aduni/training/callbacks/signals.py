"""Stop a training at once on Ctrl-C or a signal."""

from pytorch_lightning import Callback, LightningModule, Trainer

from aduni.system.signals import install_signal_handlers


class InstallSignalHandlers(Callback):
    """Callback that handles signals in place of Lightning.

    Lightning waits for the end of the step, and for other processes, which may be lost.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signals back from Lightning, which has just installed its own handlers."""
        install_signal_handlers()
