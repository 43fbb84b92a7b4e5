"""A page for each method, from its file in conf/method."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "conf" / "method"


def description(text: str) -> str:
    """Return the comment that a YAML file begins with."""
    comment = re.match(r"(?:#.*\n)+", text)
    lines = comment[0].splitlines() if comment else []
    return " ".join(line.removeprefix("# ") for line in lines if not line.startswith("# @"))


def class_of(name: str) -> str:
    """Return the class that a method's file, or the one that it extends, names."""
    content = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    content = content.get("method", {}) | content
    if "_target_" in content:
        return str(content["_target_"])
    return class_of(content["defaults"][0])


def method_pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each page."""
    files = sorted(FOLDER.glob("*.yaml"))
    for file in files:
        yield f"{file.stem}.md", _page(file.stem, file.read_text())
    rows = [f"| [`{f.stem}`]({f.stem}.md) | {description(f.read_text())} |" for f in files]
    table = "\n".join(["| `method=` | |", "|---|---|", *rows])
    names = "\n".join(file.stem for file in files)
    yield "index.md", f"{INTRODUCTION}\n{table}\n\n```{{toctree}}\n:hidden:\n\n{names}\n```\n"


INTRODUCTION = """# Methods one by one

Each method is an option of `aduni train`. When to use which, the formulas, and the places where a
paper and its code differ are in [Methods](/docs/methods/README.md). Methods that are called floors
do without a network: a model should be better than each of them.
"""


def _page(name: str, text: str) -> str:
    return f"""# {name}

{description(text)}

    aduni train method={name}

```{{eval-rst}}
.. autoclass:: {class_of(name)}
   :no-index:
   :no-members:
```

[Formulas of all methods](/docs/methods/README.md#all-methods)

## Keys

`conf/method/{name}.yaml`; `aduni train method={name} --help` explains each key with its range.

```yaml
{text.strip()}
```
"""
