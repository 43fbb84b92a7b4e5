"""Copy conf/, which stands at the top of the checkout, into the built package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConf(build_py):
    """Build the package with the configuration inside, where `aduni.system.program` finds it."""

    def run(self) -> None:
        """Build, and copy conf/ unless the checkout itself is installed."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "aduni", "conf")
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree("conf", target)


setup(cmdclass={"build_py": BuildWithConf})
