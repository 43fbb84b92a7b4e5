"""The page of an audit shows what was printed, the sheets and the lists."""

import re
from urllib.parse import unquote

from aduni.auditing.contact_sheet import Sheet
from aduni.auditing.page import write_audit_page

NASTY = "<script>alert('x')</script>"


def test_sheets_stand_under_their_class_and_count(tmp_path):
    for name in ("0_a b.jpg", "copies.csv", "split_leaks.md"):
        (tmp_path / name).write_text("x")
    sheets = [
        Sheet(tmp_path / "0_a b.jpg", NASTY, 60, 48, "Numbers."),
        Sheet(tmp_path / "1_c.jpg", "c", 1, 1),
    ]
    page = write_audit_page(tmp_path, "mine", f"2 rows of {NASTY}.", sheets)

    text = page.read_text()
    assert NASTY not in text
    assert "default-src 'none'" in text
    assert "img-src data: 'self' file:\"" in text
    headings = re.findall(r'<h2 id="sheet-\d">(.*?)</h2>', text)
    assert "60 images, 48 of them" in headings[0]
    assert headings[1] == "c <small>1 image</small>"
    assert [unquote(source) for source in re.findall('src="([^"]+)"', text)] == [
        "0_a b.jpg",
        "1_c.jpg",
    ]
    assert re.findall('<li><a href="([^#"]+)"', text) == ["copies.csv", "split_leaks.md"]
    anchors = set(re.findall('href="#([^"]+)"', text))
    assert anchors == set(re.findall('<h2 id="([^"]+)"', text))
