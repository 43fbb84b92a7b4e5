"""Write the page of an audit: what it printed, the sheets of images, and the lists."""

from collections.abc import Sequence
from pathlib import Path

from aduni.auditing.contact_sheet import Sheet
from aduni.reporting.page.html import page_environment
from aduni.system.atomic_files import write_text
from aduni.system.atomic_folder import INDEX


def write_audit_page(folder: Path, title: str, text: str, sheets: Sequence[Sheet]) -> Path:
    """Write index.html beside the sheets and lists that it shows, and return its path.

    Args:
        text: what the audit printed.
    """
    lists = sorted(file.name for file in folder.iterdir() if file.suffix in (".csv", ".md"))
    files = [(name, name) for name in lists]
    environment = page_environment(Path(__file__).parent)
    template = environment.get_template("page.html.j2")
    page = folder / INDEX
    write_text(template.render(title=title, text=text, sheets=sheets, files=files), page)
    return page
