"""A server on a port, with its board."""

from __future__ import annotations

import socket

import uvicorn

from host.serve.app import create_app
from host.serve.board import SharedBoard
from host.serve.limits import Limits
from host.serve.listen import Access
from host.serve.service import Served, Service

CONNECTIONS = 1024
"""Requests and pages at the same time; more are refused with status 503."""
GRACE = 3
"""Seconds that requests have to end when the server is stopped."""


class Server:
    """Serves a board until it is told to stop.

    Parameters
    ----------
    served : Served
    board : SharedBoard
        Closed with it.
    access : Access
    limits : Limits
    """

    def __init__(self, served: Served, board: SharedBoard, access: Access, limits: Limits):
        app = create_app(Service(served, board, limits), access)
        self._board = board
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                ws="websockets-sansio",
                ws_max_size=1024,
                limit_concurrency=CONNECTIONS,
                timeout_graceful_shutdown=GRACE,
                server_header=False,
                proxy_headers=False,
            )
        )

    def run(self, listening: socket.socket) -> None:
        """Serve on a socket until :meth:`stop`, or Ctrl-C in the main thread."""
        with self._board:
            self._server.run([listening])

    def stop(self) -> None:
        """Let :meth:`run` end soon; from any thread."""
        self._server.should_exit = True
