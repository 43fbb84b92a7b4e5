"""Test that letters of any script are drawn if an installed font has them, else reported once."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from PIL import Image

from aduni.reporting.cached import cached_report
from aduni.reporting.figures.class_distribution import draw_class_distribution
from aduni.reporting.figures.confusion import draw_confusion
from aduni.reporting.figures.style import save, styled, written_width
from aduni.reporting.inputs import Sources
from aduni.reporting.tables.definitions import Definition, Row
from aduni.system import fonts
from aduni.system.fonts import FALLBACKS, boxes_warning, families, find_font, letters_without_glyph
from hand_made import make_run

ROW = "CE"
NAMES = {
    "Chinese": "黑色素瘤",
    "Japanese": "きていさいぼうがん",
    "Korean": "흑색종",
    "Devanagari": "त्वचा",
    "Thai": "ผิวหนัง",
    "emoji": "🫁🩺",
    "emoji with a selector": "❤️‍🩹",
}
HELD = {"Latin": "naïve", "Greek": "μελάνωμα", "Cyrillic": "меланома", "Arabic": "سرطان"}


@pytest.fixture
def only_the_first(monkeypatch):
    """Simulate a machine that has only matplotlib's own fonts."""
    first = [e for e in font_manager.fontManager.ttflist if e.name not in FALLBACKS]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", first)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [])
    for cached in (fonts._add_new_fonts, fonts._paths, fonts._has):
        cached.cache_clear()
    font_manager.fontManager._findfont_cached.cache_clear()
    yield
    for cached in (fonts._add_new_fonts, fonts._paths, fonts._has):
        cached.cache_clear()


def make_font(file: Path, letters: str, family: str = "Noto Sans CJK SC") -> str:
    """Make a font in which each of the letters is a filled square."""
    pen = TTGlyphPen(None)
    for move, point in zip(
        (pen.moveTo, pen.lineTo, pen.lineTo, pen.lineTo),
        ((0, 0), (0, 1000), (1000, 1000), (1000, 0)),
        strict=True,
    ):
        move(point)
    pen.closePath()
    square = pen.glyph()
    names = [".notdef", *(f"uni{ord(letter):04X}" for letter in letters)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(a): n for a, n in zip(letters, names[1:], strict=True)})
    builder.setupGlyf(dict.fromkeys(names, square))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=1000, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=1000, usWinAscent=1000, usWinDescent=200)
    builder.setupPost()
    builder.save(file)
    return str(file)


@pytest.mark.usefixtures("only_the_first")
class TestLetters:
    @pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
    def test_a_letter_that_no_font_has_is_found_once(self, name):
        missing = letters_without_glyph([name, name])
        assert missing
        assert len(set(missing)) == len(missing)
        assert set(missing) <= set(name) - {"\ufe0f", "\u200d"}

    @pytest.mark.parametrize("name", HELD.values(), ids=HELD)
    def test_what_matplotlib_brings_along_is_enough_for(self, name):
        assert letters_without_glyph([name]) == []

    def test_a_fallback_is_used_where_it_is_installed(self, tmp_path):
        assert families() == ["DejaVu Sans"]
        path = make_font(tmp_path / "a.ttf", "黑色")
        font_manager.fontManager.addfont(path)
        assert families() == ["DejaVu Sans", "Noto Sans CJK SC"]
        assert letters_without_glyph(["黑色素"]) == ["素"]
        assert str(find_font("黑")) == path

    def test_a_font_installed_since_matplotlib_looked_is_found(self, tmp_path, monkeypatch):
        path = make_font(tmp_path / "a.ttf", "黑色")
        monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [path])
        assert letters_without_glyph(["黑色"]) == []

    def test_a_damaged_font_is_passed_over(self, tmp_path, monkeypatch):
        damaged = tmp_path / "a.ttf"
        damaged.write_bytes(b"no font")
        whole = make_font(tmp_path / "b.ttf", "黑色")
        monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [str(damaged), whole])
        assert letters_without_glyph(["黑色"]) == []

    def test_matplotlib_does_not_warn_of_each(self, tmp_path):
        names = list(NAMES.values())
        text, matrix = " ".join(names), np.eye(len(names), dtype=int)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # as matplotlib warns of a glyph
            save(draw_confusion({text: matrix}, names, text), tmp_path, "a")
            save(draw_class_distribution(dict.fromkeys(names, 3), text), tmp_path, "b")

    def test_a_letter_is_drawn_with_the_fallback(self, tmp_path):
        font_manager.fontManager.addfont(make_font(tmp_path / "a.ttf", "黑色"))
        figure = draw_class_distribution({"黑色黑色黑色": 3, "b": 1}, "x")
        drawn = save(figure, tmp_path, "a")
        styled(figure.savefig)(tmp_path / "a.png", dpi=200)
        pixels = np.asarray(Image.open(tmp_path / "a.png").convert("L"))
        dark = (pixels[:, : pixels.shape[1] // 3] < 60).sum(axis=1)
        assert np.sort(dark)[-10] > 60  # six squares in a row: boxes are hollow
        for file in drawn:
            assert file.stat().st_size

    @pytest.mark.usefixtures("blank_figures")
    def test_a_report_warns_once_and_is_made_again_when_there_are_fonts(
        self, tmp_path, monkeypatch, capsys
    ):
        names = ["肺", "less", "rare"]
        make_run(tmp_path / "runs" / "a", labels=[0, 1, 2], predicted=[0, 1, 2], classes=names)
        definition = Definition(title="Methods", rows=(Row(name="CE", overrides=("method=ce",)),))
        sources = Sources(tmp_path / "runs", tmp_path / "out", {"methods": definition})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            page = cached_report(sources)
        errors = capsys.readouterr().err
        assert errors.count("No installed font has 肺") == 1
        assert errors.count("\n") == 1
        assert page.read_text().count("No installed font has 肺") == 1

        path = make_font(tmp_path / "a.ttf", "肺")
        monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [path])
        fonts._add_new_fonts.cache_clear()
        assert "No installed font" not in cached_report(sources).read_text()
        assert capsys.readouterr().err == ""


def test_the_warning_names_ten_letters():
    sentence = boxes_warning([chr(0x4E00 + n) for n in range(25)], "the figures")
    assert "and 15 more, which the figures show as boxes; install" in sentence
    assert "\n" not in sentence


def test_chinese_letters_are_as_wide_as_they_are_high():
    assert written_width("黑色") > 1.5 * written_width("ab")
