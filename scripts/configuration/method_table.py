"""Write the table of all methods into docs/methods/README.md from their YAML files.

Paper and year are the last parenthesis of the comment at the top of a file, and stages and views
its line `# @views`: the views of each stage, or else those of the method that it extends.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from annotations import format_value

from aduni.cli.yaml_docs import Leaf, headers_of, heading_of, read_leaf

ROOT = Path(__file__).resolve().parents[2]
METHODS = ROOT / "conf" / "method"
FAMILIES = ROOT / "docs" / "methods"
INDEX = FAMILIES / "README.md"
TABLE = re.compile(r"(<!-- methods -->\n).*?(<!-- end of methods -->)", re.DOTALL)

NOT_SHOWN = ("class_weights", "dropout", "embedding", "hand_over", "hidden", "stage1_ckpt")
"""Keys that many methods have and that do not tell them apart."""


def index() -> str:
    """Return the text of docs/methods/README.md with the table as the YAML files have it."""
    return TABLE.sub(lambda match: match[1] + method_table() + match[2], INDEX.read_text())


def method_table() -> str:
    """Return a Markdown table with a line for each method."""
    places = sections()
    lines = [
        "| method | paper | year | stages | views | main hyper-parameters |",
        "|---|---|---|---|---|---|",
    ]
    for path in sorted(METHODS.glob("*.yaml")):
        if path.stem not in places:
            raise SystemExit(f"docs/methods: no heading of a section has `{path.stem}` as code.")
        paper, year = paper_of(path)
        views = views_of(path)
        cells = (
            f"[`{path.stem}`]({places[path.stem]})",
            *(paper, year, str(len(views)), ", ".join(map(str, views))),
            ", ".join(f"`{each}`" for each in hyper_parameters(path)),
        )
        lines.append("|" + "".join(f" {cell} |" if cell else " |" for cell in cells))
    return "\n".join(lines) + "\n"


def sections() -> dict[str, str]:
    """Return method -> link of the section that has its name in the heading, as code."""
    found = {}
    for page in sorted(FAMILIES.glob("*.md")):
        for heading in re.findall(r"^## (.*)$", page.read_text(), re.MULTILINE):
            anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            found |= dict.fromkeys(re.findall(r"`(\w+)`", heading), f"{page.name}#{anchor}")
    return found


def paper_of(path: Path) -> tuple[str, str]:
    """Return the authors and the year of a method's paper; empty texts without one."""
    papers = re.findall(r"\(([A-Z][\w. ]*?) (\d{4})\b[^()]*\)", heading_of(path))
    return papers[-1] if papers else ("", "")


def views_of(path: Path) -> tuple[int, ...]:
    """Return the views of each stage; none of a method that is not trained in epochs."""
    written = headers_of(path).get("views", "")
    if not written and (parent := parent_of(path)):
        return views_of(parent)
    return tuple(int(views) for views in written.split(",") if views)


def hyper_parameters(path: Path) -> Iterator[str]:
    """Yield `key=value` of what a method sets itself; keys of the group without `method.`."""
    leaf, parent = read_leaf(path), parent_of(path)
    inherited = read_leaf(parent) if parent else Leaf()
    for key, value in leaf.values.items():
        name = key.removeprefix("method.")
        own = key not in inherited.values or inherited.values[key] != value
        if not own or name in NOT_SHOWN or name.endswith("_target_") or isinstance(value, list):
            continue
        if not str(value).startswith("${"):
            yield f"{name}={format_value(value).removeprefix('sampler=')}"
    yield from (choice for choice in leaf.sets if choice not in inherited.sets)


def parent_of(path: Path) -> Path | None:
    """Return the file of the method that one extends, if any."""
    entries = yaml.safe_load(path.read_text()).get("defaults", [])
    names = [entry for entry in entries if isinstance(entry, str) and entry != "_self_"]
    return path.with_name(f"{names[0]}.yaml") if names else None
