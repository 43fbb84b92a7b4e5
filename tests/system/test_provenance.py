"""What a run records of the machine and the packages."""

from importlib.metadata import version

from aduni.system import provenance


def test_a_checkout_that_is_not_installed_has_no_version(monkeypatch):
    """On a bare machine the packages are on Python's path, and this one is not installed."""
    monkeypatch.setattr(provenance, "PACKAGES", ("torch", "aduni-that-is-not-installed"))

    versions = provenance.provenance()["versions"]
    assert versions["torch"] == version("torch")
    assert versions["aduni-that-is-not-installed"] == "unknown"
