"""outputs/latest points to the newest run."""

import pytest

from aduni.results.run_folder import link_latest


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with two run folders in outputs/."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / "outputs" / "digits" / name).mkdir(parents=True)
    return tmp_path / "outputs"


def test_it_follows_the_newest_run_and_can_be_moved_with_its_folder(place):
    for name in ("a", "b"):
        link_latest(place / "digits" / name)
        assert (place / "latest").resolve() == place / "digits" / name
    place.rename(place.with_name("moved"))
    link = place.with_name("moved") / "latest"
    assert link.resolve() == link.parent / "digits" / "b"
    assert sorted(path.name for path in link.parent.iterdir()) == ["digits", "latest"]


def test_runs_elsewhere_have_no_link(place, tmp_path):
    link_latest(tmp_path / "elsewhere")
    assert not (place / "latest").is_symlink()


def test_a_folder_of_this_name_is_left_alone(place):
    (place / "latest").mkdir()
    link_latest(place / "digits" / "a")
    assert (place / "latest").is_dir()
    assert not (place / "latest").is_symlink()


def test_without_links_there_is_none(place, monkeypatch):
    def refuse(*_, **__):
        raise OSError("not here")

    monkeypatch.setattr("pathlib.Path.symlink_to", refuse)
    link_latest(place / "digits" / "a")
    assert not (place / "latest").exists()
