"""Files of the hub are announced, fetched once, and refused in one sentence."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import timm
import torch

from aduni.models.backbones.hub import fetch
from aduni.models.backbones.timm import architecture_of, normalisation
from aduni.models.encoder import Encoder

CARD = "---\nlicense: cc-by-nc-4.0\n---\n# A model\n"


class Hub(ThreadingHTTPServer):
    """A hub on this machine: files of repositories, and what was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.gated: set[str] = set()
        self.asked: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        repository, _, file = self.path.lstrip("/").partition("/resolve/main/")
        content = self.server.files.get(f"{repository}/{file}")
        if repository in self.server.gated:
            return self._answer(403, "GatedRepo")
        if content is None:
            known = any(name.startswith(f"{repository}/") for name in self.server.files)
            return self._answer(404, "EntryNotFound" if known else "RepoNotFound")
        return self._answer(200, None, content)

    do_HEAD = do_GET

    def _answer(self, status: int, error: str | None, content: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("X-Repo-Commit", "a" * 40)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        if error:
            self.send_header("X-Error-Code", error)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


@pytest.fixture
def hub(monkeypatch, tmp_path) -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(
        huggingface_hub.constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        endpoint + "/{repo_id}/resolve/{revision}/{filename}",
    )
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def model(hub, tmp_path) -> Path:
    """Publish a small ViT as me/vit."""
    torch.manual_seed(0)
    folder = tmp_path / "model"
    timm.models.save_for_hf(timm.create_model("test_vit", img_size=32), folder)
    for file in folder.iterdir():
        hub.files[f"me/vit/{file.name}"] = file.read_bytes()
    hub.files["me/vit/README.md"] = CARD.encode()
    return folder


def test_a_file_is_announced_and_fetched_once(hub, capsys):
    hub.files["me/vit/b.txt"] = b"content"

    file = fetch("me/vit", "a.txt", "b.txt")

    assert file.read_bytes() == b"content"
    said = capsys.readouterr().err
    assert (
        f"a.txt or b.txt of me/vit is being fetched from http://127.0.0.1:{hub.server_port}" in said
    )
    hub.asked.clear()
    assert fetch("me/vit", "a.txt", "b.txt") == file
    assert hub.asked == []
    assert "fetched" not in capsys.readouterr().err


def test_a_model_of_the_hub_has_its_weights_licence_and_normalisation(hub, model, capsys):
    name = "hf-hub:me/vit"
    known = architecture_of(name)
    mean, std = normalisation(name, "DEFAULT") or ([], [])
    encoder = Encoder(name, "DEFAULT", image_size=32, architecture=known, mean=mean, std=std)

    config = json.loads((model / "config.json").read_text())["pretrained_cfg"]
    assert (mean, std) == (config["mean"], config["std"])
    stored = torch.load(model / "pytorch_model.bin", weights_only=True)
    found = encoder.backbone.state_dict()
    assert all(torch.equal(value, stored[key]) for key, value in found.items())
    assert "The licence of me/vit is cc-by-nc-4.0." in capsys.readouterr().err


def test_gated_missing_and_unknown_files_are_told_apart(hub, model, refusal):
    hub.gated.add("me/gated")
    refusal(lambda: fetch("me/gated", "config.json"), "me/gated is gated", "set HF_TOKEN")
    refusal(lambda: fetch("me/other", "config.json"), "me/other does not exist", "check the name")
    refusal(lambda: fetch("me/vit", "c", "d"), "me/vit has no c or d", "give the file")
    refusal(lambda: fetch("a/b/c", "config.json"), "a/b/c is not a repository", "write hf-hub:")


def test_a_hub_that_cannot_be_reached_is_one_sentence(hub, monkeypatch, refusal):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)

    refusal(
        lambda: fetch("me/vit", "config.json"), "could not be fetched", "connect to the network"
    )
    assert hub.asked == []
