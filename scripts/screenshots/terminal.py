"""Run a command in a terminal of its own, and draw what its screen shows in the end."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

COLUMNS, ROWS = 90, 60
TOKEN = re.compile(r"\x1b\[\??([\d;]*)([A-Za-z])|(\n)|([^\x1b\r\n]+)|\r")
"""A control sequence, a new line, words; a carriage return is always followed by one of them."""

# Rich's own drawing loads its font from another host.
FRAME = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-family: system-ui, sans-serif; font-size: 15px; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def run(words: list[str], folder: Path) -> str:
    """Run a command as a person would, in a terminal; return all that it writes."""
    process, terminal = pty.fork()
    if not process:
        os.chdir(folder)
        os.environ |= {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
        os.execvp(words[0], words)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    written = b""
    while part := _read(terminal):
        written += part
    if status := os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]):
        sys.exit(f"{' '.join(words)}: status {status}\n{written.decode()[-2000:]}")
    return written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the process has ended
        return b""


def screen(written: str) -> list[str]:
    """Return the lines of the screen in the end, with their colours, without what was erased."""
    lines, at = [""], 0
    for number, letter, new_line, words in TOKEN.findall(written):
        if new_line:
            at += 1
            lines += [""] * (at == len(lines))
        elif letter == "A":
            at = max(at - int(number or 1), 0)
        elif letter == "K":
            lines[at] = ""
        elif letter == "m":
            lines[at] += f"\x1b[{number}m"
        else:
            lines[at] += words
    return [line.rstrip() for line in lines]


def draw(lines: list[str], title: str, target: Path) -> None:
    """Write lines of a screen as an SVG."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi("\n".join(lines)))
        drawing = console.export_svg(
            title=title, theme=MONOKAI, code_format=FRAME, unique_id="terminal"
        )
    target.write_text(drawing, encoding="utf-8")
