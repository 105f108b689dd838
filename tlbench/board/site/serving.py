"""Showing the site in a browser, on this machine or in its network."""

import errno
import functools
import os
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import gaierror
from typing import Any

from tlbench.base.errors import InputError
from tlbench.board.site.build import is_site

HOST = "127.0.0.1"
MOST_READERS = 64
"""Connections at a time; more are closed at once."""

_LOCAL = ("127.0.0.1", "localhost")


class _Handler(SimpleHTTPRequestHandler):
    """Sends files of the site, and nothing else."""

    timeout = 30
    """Seconds for which a reader may be silent."""

    def send_head(self) -> Any:
        """Refuse a local site to pages elsewhere that give their own name for this machine."""
        named = self.headers.get("Host", "").partition(":")[0]
        if self.connection.getsockname()[0] == HOST and named not in _LOCAL:
            self.send_error(403, "This site is shown as localhost alone")
            return None
        if not self._is_of_the_site():
            self.send_error(404, "There is no page here")
            return None
        return super().send_head()

    def _is_of_the_site(self) -> bool:
        """Return whether the path leads to no other file, by a link, or to something else."""
        path = self.translate_path(self.path)
        if "\0" in path:
            return False
        root = os.path.realpath(self.directory)
        for real in map(os.path.realpath, (path, os.path.join(path, "index.html"))):  # noqa: PTH118
            plain = os.path.isfile(real) or os.path.isdir(real)  # noqa: PTH112, PTH113
            if os.path.lexists(real) and not (plain and Path(real).is_relative_to(root)):
                return False
        return True

    def list_directory(self, path: Any) -> None:
        """Refuse what has no page."""
        self.send_error(404, "There is no page here")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    """A thread for each of a limited number of readers, who may leave at any time."""

    def __init__(self, *arguments: Any) -> None:
        self._free = threading.BoundedSemaphore(MOST_READERS)
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, if there is one."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one reader."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a reader who has left."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def server_of(site: Path, port: int, host: str = HOST) -> ThreadingHTTPServer:
    """Return a server of the site.

    Parameters
    ----------
    port
        0 for any that is free.
    host
        Address of this machine to listen on; by default it is reached from this machine alone.

    Raises
    ------
    InputError
        If there is no site, the port is taken, or this machine has no such address.
    """
    if not is_site(site):
        raise InputError(f"There is no site in {site}; make it with tlbench board build.")
    handler = functools.partial(_Handler, directory=str(site))
    try:
        return _Server((host, port), handler)
    except OSError as error:
        if isinstance(error, gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise InputError(
                f"This machine has no address {host!r}; give one of its own with --host, or "
                "0.0.0.0 for all of them."
            ) from error
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        why = "is taken" if error.errno == errno.EADDRINUSE else "may not be used by you"
        raise InputError(f"Port {port} {why}; choose another with --port.") from error
