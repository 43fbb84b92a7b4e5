"""A page for each method, from its file in conf/method."""

from collections.abc import Iterator
from pathlib import Path

from aduni.cli.yaml_docs import heading_of, read_leaf

FOLDER = Path(__file__).resolve().parents[2] / "conf" / "method"


def method_pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each page."""
    files = sorted(FOLDER.glob("*.yaml"))
    for file in files:
        yield f"{file.stem}.md", _page(file)
    rows = [f"| [`{f.stem}`]({f.stem}.md) | {heading_of(f)} |" for f in files]
    table = "\n".join(["| `method=` | |", "|---|---|", *rows])
    names = "\n".join(file.stem for file in files)
    yield "index.md", f"{INTRODUCTION}\n{table}\n\n```{{toctree}}\n:hidden:\n\n{names}\n```\n"


INTRODUCTION = """# Methods one by one

Each method is an option of `aduni train`. When to use which, the formulas, and the places where a
paper and its code differ are in [Methods](/docs/methods/README.md). Methods that are called floors
do without a network: a model should be better than each of them.
"""


def _page(file: Path) -> str:
    name = file.stem
    return f"""# {name}

{heading_of(file)}

    aduni train method={name}

```{{eval-rst}}
.. autoclass:: {read_leaf(file).target}
   :no-index:
   :no-members:
```

[Formulas of all methods](/docs/methods/README.md#all-methods)

## Keys

`conf/method/{name}.yaml`; `aduni train method={name} --help` explains each key with its range.

```yaml
{file.read_text().strip()}
```
"""
