"""A web server on this machine that speaks the Hugging Face hub's protocol."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GATED = "owner/gated"


class Hub(ThreadingHTTPServer):
    """Repositories by name, each a dict of files.

    Attributes
    ----------
    asked : list of str
        Methods and paths of all requests, in order.
    """

    def __init__(self, repositories: dict[str, dict[str, bytes]]):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories = repositories
        self.damaged = False
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments) -> None:
        """Nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = unquote(self.path.partition("?")[0]).strip("/")
        self.server.asked.append(f"{self.command} {path}")
        if path.startswith("api/models/"):
            owner, name, *rest = path.removeprefix("api/models/").split("/")
        else:
            owner, name, *rest = path.split("/")
        repository = f"{owner}/{name}"
        if repository == GATED:
            self._send(403, b"", {"X-Error-Code": "GatedRepo"}, body)
        elif repository not in self.server.repositories:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"}, body)
        elif path.startswith("api/"):
            self._send(
                200, self._about(repository, rest), {"Content-Type": "application/json"}, body
            )
        else:
            self._file(self.server.repositories[repository], "/".join(rest[2:]), body)

    def _about(self, repository: str, rest: list[str]) -> bytes:
        files = self.server.repositories[repository]
        if rest[:1] == ["tree"]:
            entries = [
                {"type": "file", "path": name, "size": len(data), "oid": _git(data)}
                for name, data in files.items()
            ]
            return json.dumps(entries).encode()
        siblings = [{"rfilename": name} for name in files]
        return json.dumps({"id": repository, "sha": COMMIT, "siblings": siblings}).encode()

    def _file(self, files: dict[str, bytes], name: str, body: bool) -> None:
        if name not in files:
            headers = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}
            self._send(404, b"", headers, body)
            return
        data = files[name]
        digest = hashlib.sha256(data).hexdigest()
        headers = {
            "X-Repo-Commit": COMMIT, "ETag": f'"{digest}"', "X-Linked-Etag": f'"{digest}"',
            "X-Linked-Size": str(len(data)), "Accept-Ranges": "bytes",
        }  # fmt: skip
        if self.server.damaged:
            data = data[:-1] + bytes([data[-1] ^ 1])
        self._send(200, data, headers, body)

    def _send(self, status: int, data: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)


def _git(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


@contextmanager
def serving(repositories: dict[str, dict[str, bytes]]) -> Iterator[Hub]:
    """A server for as long as it is needed."""
    with Hub(repositories) as hub:
        thread = threading.Thread(target=hub.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
