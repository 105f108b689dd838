"""Showing the site: on this machine alone, and nothing but the site."""

import os
import socket
import struct
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tlbench.base.errors import InputError
from tlbench.board.site import serving
from tlbench.board.site.build import build_site
from tlbench.board.site.serving import server_of


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with server_of(site, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_pages_are_sent(address: str, site: Path):
    with urllib.request.urlopen(f"{address}/suites/quick/index.html") as answer:
        assert answer.read() == (site / "suites" / "quick" / "index.html").read_bytes()


NOTHING = [
    "/assets/", "/../results/", "/%2e%2e/results/", "/nothing", "/%00", "/index.html%00",
    f"/{'a' * 5000}", f"/{'a/' * 5000}", "/%ff%fe", "/..%2f..%2fetc/passwd", "//etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("path", NOTHING, ids=lambda path: path[:24])
def test_nothing_else_is(address: str, path):
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(address + path)
    assert error.value.code == 404
    error.value.close()


@pytest.fixture
def linked(tmp_path: Path) -> Iterator[str]:
    """Serve a site with links out of it, round in circles, and to what is no file."""
    site, outside = tmp_path / "site", tmp_path / "outside"
    (tmp_path / "results").mkdir()
    build_site(tmp_path / "results", site)
    outside.mkdir()
    (outside / "index.html").write_text("secret")
    (site / "file.html").symlink_to(outside / "index.html")
    (site / "folder").symlink_to(outside)
    (site / "inner").mkdir()
    (site / "inner" / "index.html").symlink_to(outside / "index.html")
    (site / "loop").symlink_to("loop")
    (site / "zero").symlink_to("/dev/zero")
    os.mkfifo(site / "pipe")
    (site / "same.html").symlink_to("index.html")
    with server_of(site, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "path",
    ["file.html", "folder/", "folder/index.html", "folder", "inner/", "loop", "zero", "pipe"],
)
def test_no_link_leads_out_of_the_site(linked: str, path):
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(f"{linked}/{path}", timeout=5)
    assert error.value.code == 404
    error.value.close()


def test_a_link_within_the_site_is_followed(linked: str):
    with urllib.request.urlopen(f"{linked}/same.html", timeout=5) as answer:
        assert answer.status == 200


REQUESTS = [
    b"POST /index.html HTTP/1.0\r\n\r\n", b"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/99999999999999999999.1\r\n\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.0\r\n\r\n", b"GET / HTTP/1.0\r\n" + b"a: b\r\n" * 500,
    b"GET /\xe9\x00 HTTP/1.0\r\n\r\n", b"GET http://[ HTTP/1.0\r\n\r\n",
    b"GET / HTTP/1.0\r\nIf-Modified-Since: \xff 99999\r\n\r\n", b"",
]  # fmt: skip


def test_odd_requests_and_readers_who_leave_are_not_noticed(address: str, capfd):
    port = int(address.rpartition(":")[2])
    for request in REQUESTS:
        with (
            suppress(ConnectionError),
            socket.create_connection(("127.0.0.1", port), timeout=5) as reader,
        ):
            reader.sendall(request)
            reader.shutdown(socket.SHUT_WR)
            assert b"root:" not in reader.recv(1000)
        with socket.create_connection(("127.0.0.1", port), timeout=5) as reader:
            reader.sendall(request)
            # The connection is reset while the answer is on its way.
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with urllib.request.urlopen(f"{address}/index.html") as answer:
        assert answer.status == 200
    assert capfd.readouterr().err == ""


def test_readers_beyond_a_number_are_turned_away(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(serving, "MOST_READERS", 2)
    (tmp_path / "results").mkdir()
    build_site(tmp_path / "results", tmp_path / "site")
    with server_of(tmp_path / "site", 0) as server, ExitStack() as silent:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            readers = [
                silent.enter_context(socket.create_connection(server.server_address, timeout=5))
                for _ in range(3)
            ]
            assert readers[-1].recv(1) == b""
            readers[0].sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
            assert readers[0].recv(8) == b"HTTP/1.0"
        finally:
            server.shutdown()
            thread.join()


def test_only_this_machine_is_listened_to(site: Path):
    with server_of(site, 0) as server:
        assert server.server_address[0] == "127.0.0.1"


def test_another_name_for_this_machine_is_refused(address: str):
    # A page elsewhere could have its own name resolve to this machine, and then read the site.
    request = urllib.request.Request(address, headers={"Host": "evil.example:80"})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request)
    assert error.value.code == 403
    error.value.close()
    port = address.rpartition(":")[2]
    with urllib.request.urlopen(f"http://localhost:{port}/index.html") as answer:
        assert answer.status == 200


def test_another_address_is_listened_to_if_asked_for(site: Path):
    with server_of(site, 0, "0.0.0.0") as server:
        assert server.server_address[0] == "0.0.0.0"


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_an_address_that_is_not_of_this_machine_is_said_in_one_sentence(site: Path, host):
    with pytest.raises(InputError, match="This machine has no address"):
        server_of(site, 0, host)


def test_a_port_that_is_taken_is_said_in_one_sentence(site: Path, command):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        finished = command("board", "serve", "--port", port, "--site", site)
    assert finished.returncode == 2
    assert finished.stderr == f"tlbench: Port {port} is taken; choose another with --port.\n"


def test_without_a_site_it_says_how_to_make_one(tmp_path: Path):
    with pytest.raises(InputError, match="tlbench board build"):
        server_of(tmp_path, 0)
