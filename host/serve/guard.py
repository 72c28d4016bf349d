"""What every request must pass, and what every answer tells browsers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from host.serve.listen import Access

SESSION = "firebrick_session"
"""The cookie of a browser that has shown the token."""
OPEN = ("/login", "/static/", "/style.css")
"""Paths, or beginnings of them, that need no token."""
SAFE = ("GET", "HEAD", "OPTIONS")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "style-src-attr 'unsafe-inline'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
Refusal = Callable[[Scope], Awaitable[Response]]


class Guard:
    """Lets through what comes by a known name, from a page of ours, and with the token.

    Parameters
    ----------
    app : ASGI application
    access : Access
    login : Response
        What a browser without the token gets in the place of the page.
    """

    def __init__(self, app: ASGIApp, access: Access, login: Response):
        self._app, self._access, self._login = app, access, login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal is None:
                await self._app(scope, receive, send)
            else:  # before it is accepted: the browser sees status 403
                await send({"type": "websocket.close", "code": 1008})
            return
        await (refusal or self._app)(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> Response | None:
        """Why a request may not pass; None if it may."""
        headers, path = Headers(scope=scope), str(scope["path"])
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._access.knows(host):
            return _refused(
                421, f"this server is not called {host!r}; start it with --name {host} if it is"
            )
        acts = scope["type"] == "websocket" or scope["method"] not in SAFE
        if acts and origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return _refused(403, f"a page of {origin} may not use this server")
        if path.startswith(OPEN):
            return None
        cookie = cookie_parser(headers.get("cookie", "")).get(SESSION, "")
        if self._access.admits(headers.get("authorization", ""), cookie):
            return None
        if path == "/":
            return self._login
        return _refused(401, "show the server's token: Authorization: Bearer TOKEN")


def _refused(status: int, detail: str) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"detail": detail}, status, headers)


def _with_headers(send: Send) -> Send:
    """The same, with what all answers tell browsers."""

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return told
