"""Fonts for names in any script, of those that Linux, macOS and Windows have."""

import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

from matplotlib import font_manager
from matplotlib.font_manager import FontProperties

FIRST = "DejaVu Sans"
"""Comes with matplotlib: Latin, Greek, Cyrillic, Arabic, Hebrew and more."""

CHINESE_JAPANESE_KOREAN = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans CJK TC"),
    *("Noto Sans SC", "Noto Sans JP", "Noto Sans KR", "Noto Sans TC"),
    *("Source Han Sans SC", "Source Han Sans CN", "Source Han Sans JP", "Source Han Sans KR"),
    *("WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback"),
    *("IPAexGothic", "IPAGothic", "TakaoGothic", "VL Gothic", "NanumGothic", "UnDotum"),
    *("PingFang SC", "Hiragino Sans GB", "Hiragino Sans", "STHeiti", "Heiti SC", "Heiti TC"),
    *("Apple SD Gothic Neo", "AppleGothic", "Arial Unicode MS"),
    *("Microsoft YaHei", "SimHei", "SimSun", "Microsoft JhengHei", "Yu Gothic", "Meiryo"),
    *("MS Gothic", "Malgun Gothic", "Gulim"),
)
OTHER_SCRIPTS = (
    *("Noto Sans Devanagari", "Lohit Devanagari", "Kohinoor Devanagari", "Devanagari MT"),
    *("Devanagari Sangam MN", "Nirmala UI", "Mangal", "Noto Sans Bengali", "Lohit Bengali"),
    *("Noto Sans Tamil", "Lohit Tamil", "Noto Sans Telugu", "Noto Sans Thai", "Garuda"),
    *("Thonburi", "Leelawadee UI", "Noto Sans Arabic", "Noto Naskh Arabic", "Geeza Pro"),
    *("Noto Sans Hebrew", "Noto Sans Ethiopic", "Noto Sans Khmer", "Noto Sans Myanmar"),
    *("FreeSans", "Segoe UI", "Tahoma", "Arial"),
)
SYMBOLS = (
    *("Noto Emoji", "Segoe UI Emoji", "Segoe UI Symbol", "Symbola", "Noto Sans Symbols"),
    *("Noto Sans Symbols 2", "Noto Sans Symbols2", "Apple Symbols", "Unifont"),
)
"""None that consist of coloured pictures, which matplotlib cannot draw."""

FALLBACKS = (*CHINESE_JAPANESE_KOREAN, *OTHER_SCRIPTS, *SYMBOLS)

SELECTORS = range(0xFE00, 0xFE10)
"""Choose a variant of the letter before them, and have no glyph of their own."""
SHOWN = 10
"""Letters that a sentence names."""


def families() -> list[str]:
    """Name the families that a letter is looked for in, one after another; all are installed."""
    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    return [FIRST, *(name for name in FALLBACKS if name in installed)]


def letters_without_glyph(texts: Iterable[str]) -> list[str]:
    """Find the letters that no installed font has.

    Where there are some, fonts are looked for that were installed since matplotlib noted which
    there are.

    Args:
        texts: that are to be drawn.

    Returns:
        Each letter once, sorted.
    """
    letters = sorted({letter for text in texts for letter in text if _has_a_look(letter)})
    missing = [letter for letter in letters if font_of(letter) is None]
    if missing and _add_new_fonts():
        missing = [letter for letter in missing if font_of(letter) is None]
    return missing


def font_of(letter: str) -> str | None:
    """Find the file of the first font that has a letter; its `face_index` is its number there."""
    return next((path for path in _paths(tuple(families())) if _has(path, letter)), None)


def boxes_warning(missing: Sequence[str], where: str) -> str:
    """Say that letters are drawn as boxes, and what to install.

    Args:
        missing: what `letters_without_glyph` found, at least one.
        where: they are drawn.
    """
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    return (
        f"No installed font has {' '.join(missing[:SHOWN])}{more}, which {where} show as boxes; "
        "install one, for example Noto Sans (of Debian and Ubuntu: fonts-noto-cjk, "
        "fonts-noto-core), and run the command again."
    )


def _has_a_look(letter: str) -> bool:
    plain = ord(letter) < 128 or ord(letter) in SELECTORS
    return not plain and unicodedata.category(letter)[0] not in "CZ"  # controls, spaces


def first_font() -> str:
    """The file of the font that is there in any case."""
    return _paths((FIRST,))[0]


@cache
def _paths(names: tuple[str, ...]) -> list[str]:
    return [font_manager.findfont(FontProperties(family=[name])) for name in names]


@cache
def _has(path: str, letter: str) -> bool:
    return bool(font_manager.get_font(path).get_char_index(ord(letter)))


@cache
def _add_new_fonts() -> bool:
    """Whether there were some; matplotlib keeps its list from the first time it looked."""
    known = {str(entry.fname) for entry in font_manager.fontManager.ttflist}
    added = False
    for path in font_manager.findSystemFonts():
        if path not in known:
            try:
                font_manager.fontManager.addfont(path)
                added = True
            except Exception:  # damaged, or of coloured pictures
                continue
    return added
