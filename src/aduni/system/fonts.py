"""Find installed fonts for names in any script, on Linux, macOS and Windows."""

import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

DEFAULT_FONT = "DejaVu Sans"
"""Font that comes with matplotlib: Latin, Greek, Cyrillic, Arabic, Hebrew and more."""

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
"""Without colour fonts, which matplotlib cannot draw."""

FALLBACKS = (*CHINESE_JAPANESE_KOREAN, *OTHER_SCRIPTS, *SYMBOLS)

VARIATION_SELECTORS = range(0xFE00, 0xFE10)
"""Characters that choose a variant of the letter before them, and have no glyph of their own."""
MAX_LISTED_LETTERS = 10


def families() -> list[str]:
    """Return the installed font families, in the order in which letters are looked up."""
    from matplotlib import font_manager  # in functions, since it takes a quarter of a second

    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    return [DEFAULT_FONT, *(name for name in FALLBACKS if name in installed)]


def letters_without_glyph(texts: Iterable[str]) -> list[str]:
    """Return the letters that no installed font has, sorted and without repetition.

    If there are any, fonts that matplotlib's cached list lacks are added to it first.
    """
    letters = sorted({letter for text in texts for letter in text if _needs_glyph(letter)})
    missing = [letter for letter in letters if find_font(letter) is None]
    if missing and _add_new_fonts():
        missing = [letter for letter in missing if find_font(letter) is None]
    return missing


def find_font(letter: str) -> str | None:
    """Return the path of the first font with a letter, or None.

    In a file of several fonts, the path's attribute `face_index` says which one.
    """
    return next((path for path in _paths(tuple(families())) if _has(path, letter)), None)


def boxes_warning(missing: Sequence[str], where: str) -> str:
    """Return a warning that "the figures", or what `where` says, show letters as boxes."""
    letters = " ".join(missing[:MAX_LISTED_LETTERS])
    more = len(missing) - MAX_LISTED_LETTERS
    return (
        f"No installed font has {letters}{f' and {more} more' if more > 0 else ''}, which {where} "
        "show as boxes; install one, for example Noto Sans (of Debian and Ubuntu: fonts-noto-cjk, "
        "fonts-noto-core), and run the command again."
    )


def _needs_glyph(letter: str) -> bool:
    if ord(letter) < 128 or ord(letter) in VARIATION_SELECTORS:
        return False
    return unicodedata.category(letter)[0] not in "CZ"  # controls, spaces


def default_font_path() -> str:
    """Return the path of matplotlib's own font, which is always installed."""
    return _paths((DEFAULT_FONT,))[0]


@cache
def _paths(names: tuple[str, ...]) -> list[str]:
    from matplotlib import font_manager

    search = font_manager.FontProperties
    return [font_manager.findfont(search(family=[name])) for name in names]


@cache
def _has(path: str, letter: str) -> bool:
    from matplotlib import font_manager

    return bool(font_manager.get_font(path).get_char_index(ord(letter)))


@cache
def _add_new_fonts() -> bool:
    from matplotlib import font_manager

    known = {str(entry.fname) for entry in font_manager.fontManager.ttflist}
    added = False
    for path in font_manager.findSystemFonts():
        if path not in known:
            try:
                font_manager.fontManager.addfont(path)
                added = True
            except Exception:  # a damaged file or a colour font
                continue
    return added
