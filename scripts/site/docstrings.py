"""Sphinx extension: read docstrings, which are plain text with Google's sections, as such.

reStructuredText would take `|P(i)|` for a substitution and `a * b` for emphasis, and would join
the lines of a formula.
"""

import re

from sphinx.application import Sphinx

MARKUP = re.compile(r"(`[^`]*`)|([\\*|]|_(?!\w))")
SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields|Example|Examples|Note):")
ANNOTATED = re.compile(r"Annotated\[([\w.]+)(?:, (?:[^\[\]]|\[[^\[\]]*\])*)\]")


def escaped(line: str) -> str:
    """Return a line whose characters mean themselves, outside of code."""
    line = MARKUP.sub(lambda match: match[1] or "\\" + match[2], line)
    return re.sub(r"(: \w)\.$", r"\1\.", line)  # "scale: s." is not a list


def is_formula(paragraph: list[str]) -> bool:
    """Tell whether a paragraph is laid out by spaces: a line is indented by more than a tab."""
    indents = [len(line) - len(line.lstrip()) for line in paragraph]
    return max(indents) - indents[0] >= 4 or "  " in paragraph[0].strip()


def as_restructured_text(lines: list[str]) -> list[str]:
    """Return a docstring in reStructuredText, its sections as they are."""
    found: list[str] = []
    paragraph: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            paragraph.append(line)
            continue
        if not paragraph:
            continue
        if SECTION.match(paragraph[0]) or not is_formula(paragraph):
            found += map(escaped, paragraph)
        else:
            found += ["::", "", *("    " + each for each in paragraph)]
        found.append("")
        paragraph = []
    return found


def process_docstring(_app: Sphinx, _what: str, _name: str, _obj: object, _: object, lines) -> None:
    """Replace a docstring's lines, before napoleon reads the sections."""
    lines[:] = as_restructured_text(lines)


def process_signature(_app, _what, _name, _obj, _options, signature, returns):
    """Show a checked number by its type: the range is on the page of the configuration."""
    if signature is None:
        return None
    return ANNOTATED.sub(r"\1", signature), returns and ANNOTATED.sub(r"\1", returns)


def skip_member(_app, _what, _name, member, _skip, _options) -> bool | None:
    """Leave out the fields of a NamedTuple, which its docstring describes, and foreign methods."""
    is_field = type(member).__name__ == "_tuplegetter"
    is_foreign = not (getattr(member, "__module__", None) or "aduni").startswith("aduni")
    return True if is_field or is_foreign else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the functions above."""
    app.connect("autodoc-process-docstring", process_docstring, priority=400)
    app.connect("autodoc-process-signature", process_signature)
    app.connect("autodoc-skip-member", skip_member)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
