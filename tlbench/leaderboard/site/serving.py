"""Showing the site in a browser, on this machine or in its network."""

import errno
import functools
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import gaierror
from typing import Any

from tlbench.errors import InputError
from tlbench.leaderboard.site.build import is_site

HOST = "127.0.0.1"
_LOCAL = ("127.0.0.1", "localhost")


class _Handler(SimpleHTTPRequestHandler):
    """Sends files of the site, and nothing else."""

    def send_head(self) -> Any:
        """Refuse a local site to pages elsewhere that give their own name for this machine."""
        named = self.headers.get("Host", "").partition(":")[0]
        if self.connection.getsockname()[0] == HOST and named not in _LOCAL:
            self.send_error(403, "This site is shown as localhost alone")
            return None
        return super().send_head()

    def list_directory(self, path: Any) -> None:
        """Refuse what has no page."""
        self.send_error(404, "There is no page here")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


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
        return ThreadingHTTPServer((host, port), handler)
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
