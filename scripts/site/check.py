"""Check a built site: links within it, hosts that it would ask, and names of the reference.

Links to other hosts are not followed, since the site is built without a network.
"""

import re
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}
"""What a browser loads by itself; a link that a reader follows is not among it."""

FOREIGN = re.compile(r"(?:url\(|@import|<image[^>]+href=)\s*['\"]?((?:https?:)?//[^)'\"]+)")
"""What a style sheet or a drawing loads from a host."""


class Page(HTMLParser):
    """The anchors of a page, its links, and what a browser loads for it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag names."""
        values = {key: value for key, value in attrs if value}
        self.anchors |= {values[key] for key in ("id", "name") if key in values}
        if tag == "a" and "href" in values:
            self.links.add(values["href"])
        if tag in LOADED and LOADED[tag] in values:
            self.loaded.add(values[LOADED[tag]])


def faults(html: Path, lazy: dict[str, list[str]]) -> list[str]:
    """Return a sentence for each fault of a site.

    Args:
        html: folder of the built site.
        lazy: names that must be in the reference, by package.
    """
    pages = {file: Page(file.read_text()) for file in sorted(html.rglob("*.html"))}
    found = [fault for file in pages for fault in page_faults(html, file, pages)]
    found += [
        f"{file.relative_to(html)}: loads {address}"
        for file in sorted([*html.rglob("*.css"), *html.rglob("*.svg")])
        for address in FOREIGN.findall(file.read_text())
    ]
    entries = inventory(html / "objects.inv")
    names = (f"{package}.{name}" for package, names in lazy.items() for name in names)
    return found + [f"{name} is not in the reference" for name in names if name not in entries]


def page_faults(html: Path, file: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """Yield the faults of one page."""
    name = file.relative_to(html)
    for link in sorted(pages[file].links | pages[file].loaded):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            if link in pages[file].loaded and parts.scheme != "data":
                yield f"{name}: loads {link}"
            continue
        target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
        if not target.is_file():
            yield f"{name}: {link} does not exist"
        elif parts.fragment and unquote(parts.fragment) not in pages[target].anchors:
            yield f"{name}: {link} has no such anchor"


def inventory(file: Path) -> set[str]:
    """Return the names in Sphinx's inventory: four lines of text, then compressed lines."""
    compressed = file.read_bytes().split(b"\n", 4)[4]
    return {line.split(" ")[0] for line in zlib.decompress(compressed).decode().splitlines()}
