"""Files of a card arrive whole and verified, or not at all."""

import errno
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tlbench.base.errors import InputError
from tlbench.data.cards import Card, load_card
from tlbench.data.fetch import data_folder, fetch, locate

CONTENT = bytes(range(256)) * 2000


class Server(ThreadingHTTPServer):
    """A server of one file that breaks off after ``limit`` bytes of each answer."""

    limit: int | None = None
    announced = True
    content = CONTENT
    requests: list[str]

    def handle_error(self, *arguments: Any) -> None:
        """Say nothing of clients that had enough."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        if not self.path.endswith("data/Ge/training.json"):
            self.send_error(404)
            return
        body = self.server.content
        self.send_response(200)
        if self.server.announced:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.server.limit is None else body[: self.server.limit])

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.requests = []
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TLBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("TLBENCH_DATA_MIRROR", raising=False)
    return tmp_path / "data"


def card_of(port: int, content: bytes = CONTENT, path: str = "data/Ge/training.json") -> Card:
    part = {"files": ["training.json"], "frames": 1}
    file = {
        "url": f"http://127.0.0.1:{port}/owner/project/commit/{path}",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
    }
    return load_card(
        "mlearn-ge",
        {
            "files": {"training.json": file},
            "split": {
                "name": "any", "order": "random", "train": part, "validation": part, "test": part,
            },
        },
    )  # fmt: skip


def files_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and p.name != ".lock")


def test_a_file_is_downloaded_once(server, folder):
    card = card_of(server.server_port)
    seen: list[int] = []
    places = fetch(card, on_bytes=lambda name, done: seen.append(done))
    assert places["training.json"].read_bytes() == CONTENT
    assert seen[-1] == len(CONTENT)
    assert seen == sorted(seen)
    assert fetch(card) == places == locate(card)
    assert len(server.requests) == 1
    assert files_in(folder) == ["training.json"]
    assert data_folder() == folder


@pytest.mark.parametrize("announced", [True, False])
def test_a_broken_download_leaves_nothing_and_is_done_again(server, folder, announced):
    card = card_of(server.server_port)
    server.limit, server.announced = 300_000, announced
    with pytest.raises(InputError, match=r"cannot be fetched|broke off before its 512000 bytes"):
        fetch(card)
    assert files_in(folder) == []
    server.limit = None
    assert fetch(card)["training.json"].read_bytes() == CONTENT


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"x", CONTENT + b"x" * 10_000_000])
def test_another_file_is_refused_and_not_kept(server, folder, content):
    server.content = content
    with pytest.raises(InputError, match="is not the file that the card means"):
        fetch(card_of(server.server_port))
    assert files_in(folder) == []


def test_no_more_is_taken_than_the_file_should_have(server, folder):
    card, seen = card_of(server.server_port), []
    server.content = bytes(50_000_000)
    with pytest.raises(InputError, match="is not the file that the card means"):
        fetch(card, on_bytes=lambda name, done: seen.append(done))
    assert len(seen) < 40
    assert seen[-1] == len(CONTENT)


def test_a_full_disc_is_named(server, folder, monkeypatch):
    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pooch.core.stream_download", full)
    with pytest.raises(InputError, match=r"No space left on device\); choose another folder with"):
        fetch(card_of(server.server_port))


def test_without_a_connection_the_message_says_which_file_to_put_where(server, folder):
    server.shutdown()
    server.server_close()
    card = card_of(server.server_port)
    place = locate(card)["training.json"]
    with pytest.raises(InputError) as error:
        fetch(card)
    assert card.data_files()["training.json"].url in str(error.value)
    assert f"put that file at {place}" in str(error.value)
    assert "--mirror DIR" in str(error.value)
    place.write_bytes(CONTENT)
    assert fetch(card) == {"training.json": place}


def test_an_address_that_is_gone_is_said(server, folder):
    with pytest.raises(InputError, match=r"cannot be fetched .*Not Found"):
        fetch(card_of(server.server_port, path="data/Sn/training.json"))


@pytest.mark.parametrize("place", ["training.json", "Ge/training.json", "data/Ge/training.json"])
def test_a_mirror_is_asked_first(server, folder, tmp_path, place, monkeypatch):
    copy = tmp_path / "mirror" / place
    copy.parent.mkdir(parents=True)
    copy.write_bytes(CONTENT)
    card = card_of(server.server_port)
    monkeypatch.setenv("TLBENCH_DATA_MIRROR", str(tmp_path / "mirror"))
    assert fetch(card)["training.json"].read_bytes() == CONTENT
    assert server.requests == []
    assert files_in(folder) == ["training.json"]


def test_a_mirror_with_another_file_is_refused(server, folder, tmp_path):
    (tmp_path / "training.json").write_bytes(b"other")
    with pytest.raises(InputError, match=r"training\.json: is not the file that the card means"):
        fetch(card_of(server.server_port), mirror=tmp_path)
    assert files_in(folder) == []


def test_a_mirror_without_the_file_is_passed_over(server, folder, tmp_path):
    (tmp_path / "mirror").mkdir()
    found = fetch(card_of(server.server_port), mirror=tmp_path / "mirror")
    assert found["training.json"].read_bytes() == CONTENT


def test_a_mirror_that_is_no_folder_is_refused(server, folder, tmp_path):
    with pytest.raises(InputError, match="There is no mirror folder"):
        fetch(card_of(server.server_port), mirror=tmp_path / "nowhere")


def test_a_fetched_file_that_was_changed_is_noticed(server, folder):
    card = card_of(server.server_port)
    place = fetch(card)["training.json"]
    place.write_bytes(b"changed")
    with pytest.raises(InputError, match=r"has 7 bytes, but the card says 512000; delete it"):
        fetch(card)
    place.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(InputError, match=r"but the card says .*… Delete it|…\. Delete it"):
        fetch(card)


@pytest.mark.parametrize(
    "url", ["http://h:abc/x", "http://.a/x", "http://[::1/x", "http://127.0.0.1:1/ü"]
)
def test_an_address_that_is_none_is_refused(url, folder):
    card = card_of(1)
    file = card.origin.files["training.json"].model_copy(update={"url": url})
    origin = card.origin.model_copy(update={"files": {"training.json": file}})
    with pytest.raises(InputError, match="cannot be fetched"):
        fetch(card.model_copy(update={"origin": origin}))


def test_a_sampled_data_set_has_nothing_to_fetch(folder):
    assert fetch(load_card("sw-si")) == {}


def test_two_at_once_download_once(server, folder):
    card = card_of(server.server_port)
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(fetch(card)["training.json"].read_bytes()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [CONTENT] * 4
    assert len(server.requests) == 1
