"""Tell packages of the user's from those that no stored configuration needs."""

import re
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

INSTALLERS = ("distutils", "pip", "pkg_resources", "setuptools", "wheel")


def may_be_trusted(module: str) -> bool:
    """Tell whether a user may have written a module, or installed it for their own model.

    No model needs targets from the standard library or this package's dependencies: trusting these
    would only help a malicious file.
    """
    package = module.partition(".")[0]
    if package in sys.stdlib_module_names or package in INSTALLERS or package.startswith("_"):
        return False
    distributions = packages_distributions().get(package, [])
    return package != "aduni" and not {*map(_normalized, distributions)} & _required_packages()


def _required_packages() -> set[str]:
    """Return the names of all direct and indirect dependencies of this package."""
    names: set[str] = set()
    pending = ["aduni"]
    while pending:
        name = pending.pop()
        if name in names:
            continue
        names.add(name)
        try:
            needs = requires(name) or []
        except PackageNotFoundError:  # for another system, or of an extra that is not installed
            continue
        needs = [need for need in needs if name == "aduni" or "extra ==" not in need]
        pending += [_normalized(re.split(r"[^\w.-]", need)[0]) for need in needs]
    return names


def _normalized(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
