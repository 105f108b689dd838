"""Showing the site on this machine."""

import errno
import functools
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tlbench.errors import InputError
from tlbench.leaderboard.site.build import is_site

HOST = "127.0.0.1"


class _Handler(SimpleHTTPRequestHandler):
    """Sends files of the site, and nothing else."""

    def list_directory(self, path: Any) -> None:
        """Refuse what has no page."""
        self.send_error(404, "There is no page here")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def server_of(site: Path, port: int) -> ThreadingHTTPServer:
    """Return a server of the site that listens on this machine alone.

    Parameters
    ----------
    port
        0 for any that is free.

    Raises
    ------
    InputError
        If there is no site, or the port is taken.
    """
    if not is_site(site):
        raise InputError(f"There is no site in {site}; make it with tlbench board build.")
    handler = functools.partial(_Handler, directory=str(site))
    try:
        return ThreadingHTTPServer((HOST, port), handler)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        why = "is taken" if error.errno == errno.EADDRINUSE else "may not be used by you"
        raise InputError(f"Port {port} {why}; choose another with --port.") from error
