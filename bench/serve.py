"""The HTTP server: many clients at once on a simulated board, each to get its own answers."""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from rich.console import Console
from rich.table import Table

from bench.link_cases import ARTY, same_frames_network
from gen.backend.emit import emit
from gen.common.build_folder import BuildFolder
from gen.ir.network import QuantizedNetwork
from gen.plan.planner import plan
from host.driver import Driver
from host.serve.board import SharedBoard
from host.serve.limits import Limits
from host.serve.listen import Access, Address
from host.serve.server import Server
from host.serve.service import Served
from host.sim_transport import CYCLES_PER_SECOND, SimTransport
from sim import golden
from tests.networks import random_frames

CLIENTS = 50
SECONDS = 60.0
FRAMES = 16
"""Different frames that a client sends."""
SPREAD = (50, 90, 99)
"""Percentiles of the latency."""


@dataclass
class Tally:
    """What became of requests.

    Attributes
    ----------
    seconds : list of float
        That each took whose answer was right.
    wrong : int
        Answers that were another frame's.
    lost : dict of int
        Requests without an answer, by what came instead.
    by_client : dict of int
        Right answers of each client.
    """

    seconds: list[float] = field(default_factory=list)
    wrong: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    by_client: dict[int, int] = field(default_factory=dict)

    def lose(self, what: str) -> None:
        """Count a request without an answer."""
        self.lost[what] = self.lost.get(what, 0) + 1


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Load the server for a minute and print what came of it.

    Parameters
    ----------
    console : Console
    shared : path
        Not used: the frames are random.
    limit : int or None
        Requests of each client; as many as a minute holds if None.

    Raises
    ------
    FirebrickError
        If the board cannot be generated or simulated.
    """
    with tempfile.TemporaryDirectory(prefix="firebrick-bench-") as folder:
        network, build = same_frames_network(), BuildFolder(Path(folder) / "board")
        with console.status("compiling the simulated board"):
            emit(network, plan(network, ARTY), ARTY, build)
            meet = _opener(build, network)
        with serving(network, meet) as url, console.status(f"{CLIENTS} clients"):
            figures = asyncio.run(load(url, network, CLIENTS, limit))
    console.print(_table(figures))
    return figures


def _opener(build: BuildFolder, network: QuantizedNetwork) -> Any:
    """What meets the simulated board, which is compiled now."""
    SimTransport(build).close()
    return lambda: Driver(SimTransport(build), network)


@contextmanager
def serving(network: QuantizedNetwork, meet: Any) -> Iterator[str]:
    """A server of a board in a thread of its own; gives its address."""
    limits = Limits(rate=10_000.0)
    board = SharedBoard(meet, lambda board: CYCLES_PER_SECOND / board.info().clock_hz, limits)
    served = Served(network, network.preprocessing, "a board", "simulated", True, None)
    with listening(served, board, limits=limits) as url:
        yield url


@contextmanager
def listening(
    served: Served, board: SharedBoard, token: str | None = None, limits: Limits | None = None
) -> Iterator[str]:
    """A server in a thread of its own, on loopback; gives its address.

    Parameters
    ----------
    served : Served
    board : SharedBoard
    token : str, optional
    limits : Limits, optional
    """
    address = Address("127.0.0.1", 0)
    with address.bind() as bound:
        server = Server(served, board, Access.of(address, token), limits or Limits())
        thread = threading.Thread(target=server.run, args=(bound,))
        thread.start()
        try:
            yield address.url(bound.getsockname()[1])
        finally:
            server.stop()
            thread.join()


async def load(
    url: str, network: QuantizedNetwork, clients: int, limit: int | None
) -> dict[str, Any]:
    """Let clients ask at once, each its next question when the last one is answered.

    Parameters
    ----------
    url : str
        Of the server.
    network : QuantizedNetwork
        That it serves.
    clients : int
    limit : int or None
        Requests of each; as many as :data:`SECONDS` hold if None.
    """
    frames = random_frames(network, clients * FRAMES).reshape(clients, FRAMES, -1)
    sums = golden.class_sums(network, frames.reshape(-1, *network.input.shape))
    expected = sums.reshape(clients, FRAMES, -1).tolist()
    tally, start = Tally(), time.monotonic()
    async with asyncio.TaskGroup() as group:
        for client in range(clients):
            asking = _ask(url, client, frames[client], expected[client], limit, tally)
            group.create_task(asking)
    return _figures(tally, clients, time.monotonic() - start)


async def _ask(
    url: str,
    client: int,
    frames: np.ndarray,
    expected: list[list[int]],
    limit: int | None,
    tally: Tally,
) -> None:
    """Be one client."""
    headers = {"Content-Type": "application/octet-stream", "X-Client": f"{client}"}
    end = time.monotonic() + SECONDS
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=SECONDS) as web:
        number = 0
        while number < limit if limit else time.monotonic() < end:
            frame = number % FRAMES
            start = time.monotonic()
            try:
                answer = await web.post("classify?sums=true", content=frames[frame].tobytes())
            except httpx.HTTPError as error:
                tally.lose(type(error).__name__)
            else:
                _count(answer, expected[frame], client, time.monotonic() - start, tally)
            number += 1


def _count(
    answer: httpx.Response, expected: list[int], client: int, seconds: float, tally: Tally
) -> None:
    if answer.status_code != httpx.codes.OK:
        tally.lose(f"status {answer.status_code}")
    elif answer.json()["sums"] != expected:
        tally.wrong += 1
    else:
        tally.seconds.append(seconds)
        tally.by_client[client] = tally.by_client.get(client, 0) + 1


def _figures(tally: Tally, clients: int, seconds: float) -> dict[str, Any]:
    answered = [tally.by_client.get(client, 0) for client in range(clients)]
    spread = np.percentile(tally.seconds or [0.0], SPREAD)
    return {
        "clients": clients,
        "seconds": round(seconds, 1),
        "answered": len(tally.seconds),
        "lost": sum(tally.lost.values()),
        "lost, by what came instead": tally.lost,
        "another's answer": tally.wrong,
        "requests/s": round(len(tally.seconds) / seconds, 1),
        **{
            f"latency, {part} % below, ms": round(1e3 * float(value), 1)
            for part, value in zip(SPREAD, spread, strict=True)
        },
        "fewest and most of a client": [min(answered), max(answered)],
    }


def _table(figures: dict[str, Any]) -> Table:
    table = Table(show_header=False, title="serve", title_justify="left")
    for name, value in figures.items():
        table.add_row(name, str(value))
    return table
