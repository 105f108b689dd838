"""Showing the site: on this machine alone, and nothing but the site."""

import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tlbench.errors import InputError
from tlbench.leaderboard.site.serving import server_of


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


@pytest.mark.parametrize("path", ["/assets/", "/../results/", "/%2e%2e/results/", "/nothing"])
def test_nothing_else_is(address: str, path):
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(address + path)
    assert error.value.code == 404
    error.value.close()


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
