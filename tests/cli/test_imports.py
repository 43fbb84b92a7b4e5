"""`quick_imports` holds the garbage collector off during the imports, and only then."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aduni.cli.imports import quick_imports

SRC = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture(autouse=True)
def thaw():
    yield
    gc.unfreeze()


def test_collector_waits_during_imports_and_then_passes_over_them():
    before = gc.get_freeze_count()
    with quick_imports():
        assert not gc.isenabled()

    assert gc.isenabled()
    assert gc.get_freeze_count() > before


def test_collector_works_again_after_an_import_that_fails():
    with pytest.raises(ImportError), quick_imports():
        import aduni.no_such_module  # noqa: F401

    assert gc.isenabled()


def test_a_package_that_is_not_installed_is_named_in_one_sentence():
    with (
        pytest.raises(SystemExit, match="no_such_package is missing"),
        quick_imports(),
    ):
        import no_such_package.part  # type: ignore[import-not-found]  # noqa: F401


SCRIPTS = [file.stem for file in SRC.glob("*.py") if file.stem not in ("benchmark", "reproduce")]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_mistaken_key_is_answered_before_the_slow_imports(name, tmp_path):
    """What they would cost is seconds: the packages do not even have to be importable."""
    for package in ("torch", "pandas", "rich"):
        (tmp_path / f"{package}.py").write_text("raise SystemExit('imported')")
    path = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{SRC}"}
    command = [sys.executable, str(SRC / f"{name}.py"), "no_such_key=1"]
    done = subprocess.run(command, env=path, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: no_such_key is not a known key")


def test_reports_and_plans_import_no_torch():
    """An indirect import counts too: these commands would wait for it at each call."""
    script = "import sys, aduni.cli.app, aduni.reporting.build, aduni.reproduce.reproduce"
    script += "; sys.exit('torch' in sys.modules)"
    path = {**os.environ, "PYTHONPATH": str(SRC)}
    assert subprocess.run([sys.executable, "-c", script], env=path, check=False).returncode == 0


def test_reports_and_audits_load_slow_packages_with_their_first_use():
    """With scipy and matplotlib their import took three seconds in place of one."""
    script = "import sys, aduni.reporting.build, aduni.auditing.report;"
    script += "print({'matplotlib', 'scipy', 'sklearn', 'torch'} & {*sys.modules})"
    path = {**os.environ, "PYTHONPATH": str(SRC)}
    done = subprocess.run([sys.executable, "-c", script], env=path, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("set()\n", 0), done.stderr


def test_an_audit_and_its_settings_never_import_torch():
    script = (
        "import sys; from aduni.auditing.audit_settings import AuditSettings;"
        "from aduni.auditing.report import audit; from aduni.data import Digits, Folder, ISIC2018;"
        "print({'torch', 'pytorch_lightning', 'albumentations'} & {*sys.modules})"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (found.stdout, found.returncode) == ("set()\n", 0), found.stderr
