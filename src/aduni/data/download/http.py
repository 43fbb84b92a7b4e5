"""Download a file over HTTP, and resume an interrupted transfer."""

import os
import re
import time
import urllib.request
from collections.abc import Callable, Sequence
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit

from aduni.errors import UserError

TIMEOUT_SECONDS = 60.0  # without data, after which a connection counts as dropped
LOOPBACK = ("127.0.0.1", "::1", "localhost")  # hosts for which http:// is allowed
Report = Callable[..., None]  # Progress.update of one file's task
Response = HTTPResponse | HTTPError  # status 416 is raised as the latter


class _DroppedError(Exception):
    """Raised when a connection ended before the file was complete, so that a retry can help."""


class _HttpsOnly(urllib.request.BaseHandler):
    def default_open(self, request: urllib.request.Request) -> None:
        """Check the first address and every one that it redirects to."""
        host = urlsplit(request.full_url).hostname
        if request.type != "https" and not (request.type == "http" and host in LOOPBACK):
            raise UserError(
                f"{request.full_url} is not an https:// address; correct the data set's archives."
            )


def fetch(
    url: str, part: Path, *, size: int | None, delays: Sequence[float], report: Report
) -> None:
    """Download a file, or complete a part of it, with a reconnection for each of the delays.

    Args:
        url: https address, or http to this machine.
        part: file to write; the part from an earlier call is kept if the server's file is the same.
        size: published size in bytes, if any.
        delays: seconds before each reconnection.
        report: called with `completed` and `total` bytes.
    """
    for wait in (*delays, None):
        try:
            _transfer(url, part, size, report)
            return
        except _DroppedError as error:
            if wait is None:
                have = part.stat().st_size if part.exists() else 0
                raise UserError(
                    f"{url} cannot be fetched: {error}; {have} bytes have arrived, "
                    "call the same command again to resume."
                ) from error
            time.sleep(wait)


def _transfer(url: str, part: Path, size: int | None, report: Report) -> None:
    """Complete the part file over one connection, or raise _DroppedError."""
    known = _version_file(part).read_text() if _version_file(part).exists() else ""
    have = part.stat().st_size if known and part.exists() else 0
    with _connect(url, have, known) as response:
        first, total = _span(response)
        if size is not None and total not in (None, size):
            discard(part)
            raise UserError(
                f"{url} has {total} bytes, published are {size}; fetch the file by hand."
            )
        same = first == have and _version(response) in ("", known)
        if response.status in (206, 416) and not same:
            discard(part)
            raise _DroppedError("the file on the server has changed")
        if response.status == 416:
            return  # the part file is complete
        with part.open("ab" if first else "wb") as file:
            if not first:
                _version_file(part).write_text(_version(response))
            while chunk := _read(response):
                file.write(chunk)
                report(completed=file.tell(), total=total)
            file.flush()
            os.fsync(file.fileno())
            if total is not None and file.tell() < total:
                raise _DroppedError("the connection was closed early")


def _connect(url: str, have: int, version: str) -> Response:
    headers = {"Range": f"bytes={have}-", "If-Range": version} if have else {}
    opener = urllib.request.build_opener(_HttpsOnly)
    try:
        request = urllib.request.Request(url, headers=headers)
        response: HTTPResponse = opener.open(request, timeout=TIMEOUT_SECONDS)
        return response
    except HTTPError as error:
        if error.code == 416 and have:
            return error
        with error:
            if error.code >= 500 or error.code in (408, 429):
                raise _DroppedError(f"the server answers {error.code}") from error
            raise UserError(f"{url} cannot be fetched: the server answers {error.code}.") from error
    except (OSError, HTTPException) as error:
        raise _DroppedError(f"{getattr(error, 'reason', error)}") from error
    except ValueError as error:
        raise UserError(
            f"{url!r} is not an https:// address; correct the data set's archives."
        ) from error


def _span(response: Response) -> tuple[int, int | None]:
    """Return the offset of the response's bytes in the file and the size of the file."""
    match = re.match(r"bytes (?:(\d+)-\d+|\*)/(\d+)$", response.headers.get("Content-Range", ""))
    if response.status in (206, 416):
        return (int(match[1] or match[2]), int(match[2])) if match else (-1, None)
    if "chunked" in response.headers.get("Transfer-Encoding", ""):
        return 0, None  # chunked encoding marks the end
    if not (length := response.headers.get("Content-Length", "")).isdecimal():
        raise UserError(
            f"{response.url}: the server does not tell the file's length; fetch it by hand."
        )
    return 0, int(length)


def _read(response: Response) -> bytes:
    try:
        return response.read(1 << 16)
    except (OSError, HTTPException) as error:
        raise _DroppedError(f"{error}") from error


def _version(response: Response) -> str:
    """Return an identifier of the remote file's content; empty without a reliable one."""
    tag: str = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def _version_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.version")


def discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _version_file(part).unlink(missing_ok=True)
