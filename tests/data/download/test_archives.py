"""Downloads from a real server on this machine that can be told to misbehave."""

import hashlib
import io
import os
import random
import re
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from filelock import FileLock

from aduni.data.download import http
from aduni.data.download.archives import Archive, download, zip_fault
from aduni.errors import UserError
from aduni.system.temporary import temporary_name

NO_WAIT = (0.0, 0.0)  # two reconnections
CSV = random.Random(0).randbytes(300_000)


class Server(ThreadingHTTPServer):
    """Serves `content` under every path and remembers what it was asked and what it sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CSV
        self.validators: dict[str, str] | None = None  # None: an ETag of the content
        self.drops: list[int] = []  # one a request: bytes after which it drops the connection
        self.statuses: list[int] = []  # one a request: answer this error instead
        self.ranges = True
        self.honours_if_range = True
        self.chunked = False
        self.location = ""
        self.stall: threading.Event | None = None  # wait for it instead of dropping
        self.reset = False  # drop by a reset instead of an end
        self.asked: list[tuple[str | None, str | None]] = []  # Range, If-Range
        self.sent: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def tags(self) -> dict[str, str]:
        if self.validators is None:
            return {"ETag": f'"{hashlib.md5(self.content).hexdigest()}"'}
        return self.validators


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        asked, version = self.headers["Range"], self.headers["If-Range"]
        server.asked.append((asked, version))
        if server.location:
            return self._head(302, {"Location": server.location, "Content-Length": "0"})
        if server.statuses:
            return self._head(server.statuses.pop(0), {"Content-Length": "0"})
        size = len(server.content)
        first = 0
        unchanged = version in server.tags().values() or not server.honours_if_range
        if asked and server.ranges and unchanged:
            first = int(asked.removeprefix("bytes=").removesuffix("-"))
        if first >= size > 0:
            return self._head(416, {"Content-Range": f"bytes */{size}", **server.tags()})
        length = {"Content-Length": str(size - first)}
        if server.chunked:
            length = {"Transfer-Encoding": "chunked"}
        if first:
            length["Content-Range"] = f"bytes {first}-{size - 1}/{size}"
        self._head(206 if first else 200, {**length, **server.tags()})
        self._body(server.content[first:])
        return None

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _body(self, body: bytes) -> None:
        server = self.server
        limit = server.drops.pop(0) if server.drops else None
        body = body[:limit]
        server.sent.append(len(body))
        if server.chunked:
            body = b"%x\r\n%b\r\n" % (len(body), body) + (b"0\r\n\r\n" if limit is None else b"")
        try:
            self.wfile.write(body)
            if limit is not None and server.stall:
                server.stall.wait(10)
            if limit is not None and server.reset:
                option = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
        except ConnectionError:  # the client was killed
            pass

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def csv(server: Server, size: int | None = None, sha256: str | None = None) -> Archive:
    return Archive(f"{server.url}/labels.csv", "labels.csv", size, sha256)


def packed(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as content:
        for name, data in members:
            content.writestr(name, data)
    return buffer.getvalue()


def names(root: Path) -> set[str]:
    """List all files and folders below root, without the lock."""
    found = {str(path.relative_to(root)) for path in root.rglob("*")}
    return found - {".download.lock"}


def refused(archive: Archive, root: Path) -> str:
    with pytest.raises(UserError) as caught:
        download([archive], root, NO_WAIT)
    message = str(caught.value)
    assert "\n" not in message
    return message


# Whole transfers


@pytest.mark.parametrize("chunked", [False, True])
def test_fetches_a_plain_file(server: Server, tmp_path: Path, chunked: bool) -> None:
    server.chunked = chunked
    root = tmp_path / "new" / "root"
    download([csv(server, len(CSV), hashlib.sha256(CSV).hexdigest().upper())], root)
    assert names(root) == {"labels.csv"}
    assert (root / "labels.csv").read_bytes() == CSV
    assert server.asked == [(None, None)]


def test_stores_a_plain_file_where_it_is_expected(server: Server, tmp_path: Path) -> None:
    download([Archive(f"{server.url}/get?id=3", "tables/labels.csv")], tmp_path)
    assert names(tmp_path) == {"tables", "tables/labels.csv"}


def test_unpacks_zips_and_removes_them(server: Server, tmp_path: Path) -> None:
    server.content = packed(("Input/a.jpg", b"a"), ("Input/LICENSE.txt", b"l"), ("top.txt", b"t"))
    download([Archive(f"{server.url}/x/Input.zip", "Input")], tmp_path)
    assert names(tmp_path) == {"Input", "Input/a.jpg", "Input/LICENSE.txt", "top.txt"}
    assert (tmp_path / "Input" / "a.jpg").read_bytes() == b"a"


def test_a_broken_zip_that_lies_there_is_named_to_be_removed(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "Input.zip").write_bytes(b"cut")
    message = refused(Archive(f"{server.url}/Input.zip", "Input"), tmp_path)
    assert f"{tmp_path / 'Input.zip'} from" in message
    assert message.endswith("remove it and call again.")
    assert (tmp_path / "Input.zip").read_bytes() == b"cut"  # it may be somebody's own


def test_fetches_only_what_is_missing(server: Server, tmp_path: Path) -> None:
    (tmp_path / "Input").mkdir()
    archives = [Archive(f"{server.url}/Input.zip", "Input"), csv(server)]
    download(archives, tmp_path)
    assert len(server.asked) == 1
    download(archives, tmp_path)
    assert len(server.asked) == 1
    assert names(tmp_path) == {"Input", "labels.csv"}


def test_completes_a_folder_that_lacks_the_expected_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "Truth").mkdir()
    (tmp_path / "Truth" / "notes.txt").write_text("mine")
    server.content = packed(("Truth/labels.csv", b"new"), ("Truth/LICENSE.txt", b"l"))
    download([Archive(f"{server.url}/Truth.zip", "Truth/labels.csv")], tmp_path)
    assert names(tmp_path / "Truth") == {"labels.csv", "LICENSE.txt", "notes.txt"}


# Broken transfers


def test_resumes_where_the_connection_dropped(server: Server, tmp_path: Path) -> None:
    server.drops = [100_000, 50_000]
    download([csv(server)], tmp_path, NO_WAIT)
    tag = server.tags()["ETag"]
    expected = [(None, None), ("bytes=100000-", tag), ("bytes=150000-", tag)]
    assert server.asked == expected
    assert server.sent == [100_000, 50_000, 150_000]
    assert (tmp_path / "labels.csv").read_bytes() == CSV
    assert names(tmp_path) == {"labels.csv"}


def test_resumes_in_a_later_call(server: Server, tmp_path: Path) -> None:
    server.drops = [100_000]
    with pytest.raises(UserError, match=r"100000 bytes have arrived.*to resume"):
        download([csv(server)], tmp_path, ())
    assert names(tmp_path) == {"labels.csv.part", "labels.csv.part.version"}
    download([csv(server)], tmp_path, ())
    assert server.sent == [100_000, 200_000]
    assert (tmp_path / "labels.csv").read_bytes() == CSV


def test_resumes_by_the_date_where_the_tag_is_weak(server: Server, tmp_path: Path) -> None:
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    server.validators = {"ETag": 'W/"1"', "Last-Modified": date}
    server.drops = [1000]
    download([csv(server)], tmp_path, NO_WAIT)
    assert server.asked[1] == ("bytes=1000-", date)
    assert sum(server.sent) == len(CSV)


def test_starts_again_where_nothing_tells_whether_the_file_changed(
    server: Server, tmp_path: Path
) -> None:
    server.validators = {}
    server.drops = [1000]
    download([csv(server)], tmp_path, NO_WAIT)
    assert server.asked == [(None, None), (None, None)]
    assert (tmp_path / "labels.csv").read_bytes() == CSV


@pytest.mark.parametrize("honours_if_range", [True, False])
@pytest.mark.parametrize("size", [300_000, 350_000, 90_000, 100_000])
def test_starts_again_where_the_file_changed(
    server: Server, tmp_path: Path, size: int, honours_if_range: bool
) -> None:
    server.honours_if_range = honours_if_range
    server.drops = [100_000]
    with pytest.raises(UserError):
        download([csv(server)], tmp_path, ())
    server.content = random.Random(1).randbytes(size)
    download([csv(server)], tmp_path, NO_WAIT)
    assert server.asked[1][0] == "bytes=100000-"
    assert (tmp_path / "labels.csv").read_bytes() == server.content


def test_starts_again_where_the_server_knows_no_ranges(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    server.drops = [100_000]
    download([csv(server)], tmp_path, NO_WAIT)
    assert server.asked[1][0] == "bytes=100000-"
    assert server.sent == [100_000, 300_000]
    assert (tmp_path / "labels.csv").read_bytes() == CSV


def test_a_complete_part_file_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "labels.csv.part").write_bytes(CSV)
    (tmp_path / "labels.csv.part.version").write_text(server.tags()["ETag"])
    download([csv(server)], tmp_path, ())
    assert server.asked[0][0] == "bytes=300000-"
    assert server.sent == []
    assert (tmp_path / "labels.csv").read_bytes() == CSV


def test_a_part_file_of_unknown_origin_is_not_used(server: Server, tmp_path: Path) -> None:
    (tmp_path / "labels.csv.part").write_bytes(b"from elsewhere")
    download([csv(server)], tmp_path, ())
    assert (tmp_path / "labels.csv").read_bytes() == CSV


def test_reconnects_after_resets_and_overload(server: Server, tmp_path: Path) -> None:
    server.reset = True
    server.drops = [100_000]
    server.statuses = [503]
    download([csv(server)], tmp_path, NO_WAIT)
    assert len(server.asked) == 3
    assert (tmp_path / "labels.csv").read_bytes() == CSV


def test_a_dropped_chunked_answer_is_not_complete(server: Server, tmp_path: Path) -> None:
    server.chunked = True
    server.drops = [100_000] * 3
    server.ranges = False
    assert "to resume" in refused(csv(server), tmp_path)
    assert not (tmp_path / "labels.csv").exists()


def test_a_silent_server_counts_as_dropped(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT_SECONDS", 0.3)
    server.stall = threading.Event()
    server.drops = [131_072]
    download([csv(server)], tmp_path, NO_WAIT)
    server.stall.set()
    assert server.asked[1][0] == "bytes=131072-"
    assert (tmp_path / "labels.csv").read_bytes() == CSV


def test_a_killed_process_leaves_only_a_part_that_is_resumed(
    server: Server, tmp_path: Path
) -> None:
    server.stall = threading.Event()
    server.drops = [200_000]
    code = (
        "import pathlib, sys; from aduni.data.download.archives import Archive, download;"
        "archive = Archive(sys.argv[1], 'labels.csv');"
        "download([archive], pathlib.Path(sys.argv[2]))"
    )
    arguments = [csv(server).url, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    part = tmp_path / "labels.csv.part"
    with subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment) as process:
        deadline = time.monotonic() + 30
        while not part.exists() or part.stat().st_size < 131_072:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
    server.stall.set()
    assert names(tmp_path) == {"labels.csv.part", "labels.csv.part.version"}
    size = part.stat().st_size
    download([csv(server)], tmp_path, ())
    assert server.asked[1][0] == f"bytes={size}-"
    assert (tmp_path / "labels.csv").read_bytes() == CSV


def test_a_dead_server_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, but nobody listens
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/labels.csv"
        message = refused(Archive(url, "labels.csv"), tmp_path)
    assert url in message
    assert "0 bytes have arrived, call the same command again to resume" in message
    assert names(tmp_path) == set()


def test_a_refusing_server_is_not_asked_again(server: Server, tmp_path: Path) -> None:
    server.statuses = [404, 404]
    assert "answers 404" in refused(csv(server), tmp_path)
    assert len(server.asked) == 1


# Wrong content


def test_a_wrong_checksum_is_refused(server: Server, tmp_path: Path) -> None:
    message = refused(csv(server, len(CSV), "0" * 64), tmp_path)
    assert "sha256" in message
    assert server.url in message
    assert names(tmp_path) == set()


def test_a_wrong_size_is_refused_before_the_transfer(server: Server, tmp_path: Path) -> None:
    assert "has 300000 bytes, published are 299999" in refused(csv(server, 299_999), tmp_path)
    assert names(tmp_path) == set()


def test_a_wrong_size_is_refused_after_a_chunked_transfer(server: Server, tmp_path: Path) -> None:
    server.chunked = True
    assert "has 300000 bytes, published are 299999" in refused(csv(server, 299_999), tmp_path)
    assert names(tmp_path) == set()


def test_a_length_must_be_told(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Handler, "_head", lambda self, status, headers: self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
    )
    assert "does not tell the file's length" in refused(csv(server), tmp_path)
    assert names(tmp_path) == set()


@pytest.mark.parametrize(
    "member", ["../evil", "a/../../evil", "/evil", "..\\evil", "C:\\evil", "C:evil"]
)
def test_members_that_leave_the_folder_are_refused(
    server: Server, tmp_path: Path, member: str
) -> None:
    root = tmp_path / "root"
    server.content = packed(("Input/a.jpg", b"a"), (member, b"evil"))
    message = refused(Archive(f"{server.url}/Input.zip", "Input"), root)
    assert repr(member) in message
    assert names(tmp_path) == {"root", "root/.download.lock"}


def test_symbolic_links_are_refused(server: Server, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("Input/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    server.content = packed(("Input/a.jpg", b"a"), (link, b"/etc"))
    assert "'Input/link'" in refused(Archive(f"{server.url}/Input.zip", "Input"), tmp_path)
    assert names(tmp_path) == set()


def test_an_archive_that_would_fill_the_disk_is_refused(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aduni.data.download.archives.EXTRA_BYTES", 2**20)
    server.content = packed(*((f"Input/{i}.jpg", bytes(2**20)) for i in range(4)))
    message = refused(Archive(f"{server.url}/Input.zip", "Input"), tmp_path)
    assert f"its {len(server.content)} bytes would become {4 * 2**20}" in message
    assert names(tmp_path) == set()


def test_tables_may_shrink_tenfold_in_an_archive(server: Server, tmp_path: Path) -> None:
    server.content = packed(("Input/labels.csv", b"image,0.0,1.0\n" * 2**17))
    assert len(server.content) * 100 < 14 * 2**17
    download([Archive(f"{server.url}/Input.zip", "Input")], tmp_path)
    assert names(tmp_path) == {"Input", "Input/labels.csv"}


def test_a_member_larger_than_it_claims_is_refused(server: Server, tmp_path: Path) -> None:
    content = packed(("Input/a.jpg", bytes(10**6)))
    claimed = struct.pack("<I", 10**6)
    server.content = content.replace(claimed, struct.pack("<I", 10))
    assert server.content != content
    message = refused(Archive(f"{server.url}/Input.zip", "Input"), tmp_path)
    assert re.search("not a whole zip archive|is damaged", message)
    assert names(tmp_path) == set()


@pytest.mark.parametrize("broken", ["truncated", "damaged", "wrong table", "no zip"])
def test_broken_zips_are_refused(server: Server, tmp_path: Path, broken: str) -> None:
    content = packed(("Input/a.jpg", CSV))
    server.content = {
        "truncated": content[: len(content) // 2],
        "damaged": content[:1000] + bytes([content[1000] ^ 255]) + content[1001:],
        "wrong table": content[:-6] + b"\xff\xff\xff\x0f" + content[-2:],
        "no zip": b"<html>Please log in</html>",
    }[broken]
    message = refused(Archive(f"{server.url}/Input.zip", "Input"), tmp_path)
    assert re.search("not a whole zip archive|is damaged", message)
    assert names(tmp_path) == set()


def test_a_zip_without_the_expected_folder_is_kept(server: Server, tmp_path: Path) -> None:
    server.content = packed(("Other/a.jpg", b"a"))
    archive = Archive(f"{server.url}/Input.zip", "Input")
    assert "does not contain Input" in refused(archive, tmp_path)
    assert names(tmp_path) == {"Input.zip"}
    download([Archive(archive.url, "Other")], tmp_path)  # the configuration was mended
    assert names(tmp_path) == {"Other", "Other/a.jpg"}
    assert len(server.asked) == 1


def test_an_interrupted_unpacking_is_repeated(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.content = packed(("Input/a.jpg", b"a"), ("z.txt", b"z"))
    archive = Archive(f"{server.url}/Input.zip", "Input")
    whole = Path.replace
    with monkeypatch.context() as patch:

        def interrupt(path: Path, target: Path) -> Path:
            if target == tmp_path / "Input":
                raise KeyboardInterrupt
            return whole(path, target)

        patch.setattr(Path, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            download([archive], tmp_path, ())
    assert names(tmp_path) == {"Input.zip", "z.txt"}  # the expected folder comes last
    left = temporary_name(tmp_path / "Input.zip")  # as after a kill
    (left / "Input").mkdir(parents=True)
    (left / "Input" / "half.jpg").touch()
    download([archive], tmp_path, ())
    assert names(tmp_path) == {"Input", "Input/a.jpg", "z.txt"}
    assert len(server.asked) == 1


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("place", range(12, 40, 3))
def test_a_damaged_member_is_found_whatever_packed_it(
    method: int, place: int, tmp_path: Path
) -> None:
    """Each decompressor raises errors of its own kind."""
    file = tmp_path / "images.zip"
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("a.jpg", random.Random(0).randbytes(2000))
    content = bytearray(file.read_bytes())
    content[30 + len("a.jpg") + place] ^= 0xFF
    file.write_bytes(content)
    assert zip_fault(file)


# Addresses and folders


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/labels.csv",
        "http://127.0.0.1.example.org/labels.csv",
        "file:///etc/hostname",
        "ftp://127.0.0.1/labels.csv",
        "labels.csv",
    ],
)
def test_only_https_is_allowed(tmp_path: Path, url: str) -> None:
    message = refused(Archive(url, "labels.csv"), tmp_path)
    assert "is not an https:// address" in message
    assert url in message


def test_redirections_must_keep_to_https(server: Server, tmp_path: Path) -> None:
    server.location = "http://example.org/labels.csv"
    assert server.location in refused(csv(server), tmp_path)
    assert len(server.asked) == 1


def test_a_root_that_cannot_be_written_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    root = tmp_path / "file" / "root"
    assert f"{root} cannot be written: Not a directory" in refused(csv(server), root)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "labels.csv.part").symlink_to("/dev/full")
    message = refused(csv(server), tmp_path)
    assert f"{tmp_path} cannot be written: No space left on device" in message
    assert len(server.asked) == 1
    assert not (tmp_path / "labels.csv").exists()


def test_two_downloads_into_one_root_are_refused(server: Server, tmp_path: Path) -> None:
    with FileLock(tmp_path / ".download.lock"):
        assert "Another process is downloading into" in refused(csv(server), tmp_path)
    assert server.asked == []
