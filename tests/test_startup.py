"""The start: the garbage collector waits for the imports, and only for them."""

import gc

import pytest

from aduni.startup import quick_imports


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
