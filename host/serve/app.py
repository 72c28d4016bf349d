"""The HTTP API and the page, as an ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.exceptions import HTTPException
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp

from host.serve.guard import SESSION, Guard
from host.serve.intake import RAW
from host.serve.limits import RateLimit
from host.serve.listen import Access
from host.serve.messages import Classification, Description, Login, Problem, Stats
from host.serve.page import login_page, page, style
from host.serve.service import CLIENT, Service

STATIC = Path(__file__).parent / "static"
PERIOD = 0.25
"""Seconds between two messages to a page."""
LOGINS = 1.0
"""Tokens a second that may be tried, by all clients together."""
WEEK = 7 * 24 * 3600
_BODY = {
    "requestBody": {
        "required": True,
        "description": "A picture, or the pixels of a frame: height x width x channels bytes, row "
        "by row, channels last, as `/info` tells the shape.",
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/*", RAW)
        },
    }
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "The server has a token, and it was not shown."},
    403: {"model": Problem, "description": "The request comes from a page of another site."},
    421: {"model": Problem, "description": "The server is not called by that name."},
}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    **_PROBLEMS,
    408: {"model": Problem, "description": "The picture took too long to come."},
    413: {"model": Problem, "description": "The body is too long."},
    415: {"model": Problem, "description": "The content type is none that is taken."},
    422: {"model": Problem, "description": "It is no picture that can be read."},
    429: {"model": Problem, "description": "Too many pictures; wait as `Retry-After` says."},
    503: {"model": Problem, "description": "There is no board now, or it is too busy; says why."},
}
DESCRIPTION = """
Classify pictures on an FPGA board, real or simulated.

Several clients share the board: each takes its turn, however many pictures it has waiting. On one
machine, programs tell themselves apart by a header `X-Client: NAME`; browsers have a cookie.
"""


def create_app(service: Service, access: Access) -> ASGIApp:
    """What uvicorn runs.

    Parameters
    ----------
    service : Service
    access : Access
    """
    app = FastAPI(
        title="firebrick",
        version="1",
        summary="What a picture shows, on an FPGA board.",
        description=DESCRIPTION,
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        lifespan=partial(_lifespan, service),
        generate_unique_id_function=lambda route: route.name,
    )
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _add_api(app, service)
    _add_page(app, service, access)
    app.add_api_websocket_route("/live", _live(service))
    return Guard(app, access, HTMLResponse(login_page(), 401))


@contextlib.asynccontextmanager
async def _lifespan(service: Service, app: FastAPI) -> AsyncIterator[None]:
    yield
    service.close()


def _add_api(app: FastAPI, service: Service) -> None:
    @app.post("/classify", responses=_REFUSALS, openapi_extra=_BODY)
    async def classify(
        request: Request,
        top: Annotated[int, Query(ge=1, le=1000, description="Classes to name.")] = 5,
        sums: Annotated[bool, Query(description="Give all class sums, too.")] = False,
    ) -> Classification:
        """Say what a picture shows."""
        return await service.classify(request, top, sums)

    @app.get("/info", responses=_PROBLEMS)
    async def info() -> Description:
        """Describe the network, the board and what is taken."""
        return service.description()

    @app.get("/stats", responses=_PROBLEMS)
    async def stats() -> Stats:
        """Tell how board and link do."""
        return service.stats()


def _add_page(app: FastAPI, service: Service, access: Access) -> None:
    logins = RateLimit(LOGINS, 10.0)

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> HTMLResponse:
        """Give the page, and a name to the browser."""
        response = HTMLResponse(page(service.served, service.description()))
        response.headers["Cache-Control"] = "no-store"
        if CLIENT not in request.cookies:
            name = secrets.token_urlsafe(12)
            response.set_cookie(CLIENT, name, max_age=WEEK, httponly=True, samesite="strict")
        return response

    @app.get("/style.css", include_in_schema=False)
    async def css() -> Response:
        """Give the styles of report and page."""
        return Response(style(), media_type="text/css")

    @app.post("/login", include_in_schema=False)
    async def login(shown: Login, response: Response) -> dict[str, bool]:
        """Let a browser in that shows the token."""
        if logins.wait("all"):
            raise HTTPException(429, "too many attempts; wait a moment", {"Retry-After": "5"})
        if not access.admits(f"Bearer {shown.token}", ""):
            raise HTTPException(401, "this is not the token")
        response.set_cookie(SESSION, access.session, max_age=WEEK, httponly=True, samesite="strict")
        return {"ok": True}


def _live(service: Service) -> Callable[[WebSocket], Any]:
    async def live(socket: WebSocket) -> None:
        """Keep a page up to date until it goes."""
        if service.watchers >= service.limits.watchers:
            await socket.close(1013, "too many pages are open")
            return
        await socket.accept()
        service.watchers += 1
        telling = asyncio.ensure_future(_tell(service, socket))
        try:
            while (await socket.receive())["type"] != "websocket.disconnect":
                continue
        except (WebSocketDisconnect, RuntimeError):
            return
        finally:
            service.watchers -= 1
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    return live


async def _tell(service: Service, socket: WebSocket) -> None:
    """Send what has changed, as fast as the page takes it."""
    while True:
        await socket.send_text(service.stats().model_dump_json())
        await asyncio.sleep(PERIOD)
