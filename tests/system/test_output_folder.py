"""A folder of somebody's files is refused, an earlier result is replaced."""

import pytest

from aduni.system.output_folder import check_output

PAGE = '<!DOCTYPE html>\n<head>\n<meta name="generator" content="aduni {}">\n'


@pytest.fixture
def folder(tmp_path):
    """Return a function that makes a folder with files of these names and texts."""

    def make(**files):
        for name, text in files.items():
            file = tmp_path / "out" / name.replace("__", "/").replace("_", ".")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path / "out"

    return make


def test_new_empty_and_hidden(folder, tmp_path):
    check_output(tmp_path / "none", "aduni audit")
    check_output(tmp_path, "aduni audit")
    (tmp_path / "empty").mkdir()
    check_output(tmp_path, "aduni audit")
    (tmp_path / ".DS_Store").touch()
    check_output(tmp_path, "aduni audit")


def test_an_earlier_result_is_replaced_whatever_lies_beside_it(folder):
    made = folder(index_html=PAGE.format("audit"), notes_txt="mine")
    check_output(made, "aduni audit")
    check_output(made, "aduni audit", names=("index.html", "tables"))


@pytest.mark.parametrize("page", ["", PAGE.format("report"), PAGE.format("auditing")])
def test_pages_of_others_are_refused(folder, refusal, page):
    made = folder(index_html=page)
    refusal(lambda: check_output(made, "aduni audit"), made / "index.html", "output=")
    refusal(lambda: check_output(made, "aduni audit", names=["index.html"]), made / "index.html")


def test_files_of_others_are_refused_where_they_would_be_replaced(folder, refusal):
    made = folder(tables__A_csv="mine", photo_png="mine")
    refusal(lambda: check_output(made, "aduni audit"), made / "photo.png")
    refusal(lambda: check_output(made, "aduni report", names=["tables"]), made / "tables")
    check_output(made, "aduni report", names=["index.html", "figures"])


def test_what_a_failed_call_leaves_is_its_own(folder, refusal):
    made = folder(unreadable_csv="")
    check_output(made, "aduni audit", own=["unreadable.csv"])
    refusal(lambda: check_output(made, "aduni audit"), made / "unreadable.csv")


def test_a_file_is_no_folder(tmp_path, refusal):
    (tmp_path / "file").touch()
    refusal(lambda: check_output(tmp_path / "file", "aduni audit"), "is a file")
