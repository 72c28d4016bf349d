"""What a server does, apart from HTTP: classify for clients within limits, and describe itself."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import numpy as np
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request

from gen.frames.class_results import top_k
from gen.ir.network import QuantizedNetwork
from gen.ir.preprocessing import Preprocessing
from gen.report.figures import Figures
from host.serve.board import BoardAway, SharedBoard
from host.serve.intake import Intake
from host.serve.limits import Limits, RateLimit
from host.serve.listen import is_loopback
from host.serve.messages import Classification, Description, Guess, Milliseconds, Stats
from host.serve.meters import Answer
from host.serve.queue import QueueFull

CLIENT = "firebrick_client"
"""The cookie that tells the browsers of one machine apart."""
CLIENT_HEADER = "x-client"
"""The same for programs."""
_LONGEST_NAME = 64


@dataclass(frozen=True, eq=False)
class Served:
    """What is served.

    Attributes
    ----------
    network : QuantizedNetwork
        That the board holds.
    preprocessing : Preprocessing
        How a picture becomes a frame.
    board_name : str
    link : str
    simulated : bool
    figures : Figures or None
        Of its plan, if that is known.
    """

    network: QuantizedNetwork
    preprocessing: Preprocessing
    board_name: str
    link: str
    simulated: bool
    figures: Figures | None


class Service:
    """Classifies for clients.

    Parameters
    ----------
    served : Served
    board : SharedBoard
    limits : Limits
    """

    def __init__(self, served: Served, board: SharedBoard, limits: Limits):
        self.served, self.limits = served, limits
        self._board = board
        network = served.network
        self._layers = [op.name for op in network.ops]
        self._intake = Intake(board.info.shape, served.preprocessing, limits)
        self._rate = RateLimit(limits.rate, limits.rate * limits.burst)
        self.watchers = 0

    def close(self) -> None:
        """End its threads; the board goes on."""
        self._intake.close()

    async def classify(self, request: Request, top: int, sums: bool) -> Classification:
        """Say what the picture that a request brings shows.

        Parameters
        ----------
        request : Request
        top : int
            Classes to name.
        sums : bool
            Whether to give all class sums.

        Raises
        ------
        HTTPException
            If there is no picture, or no board, or the client asks too much.
        """
        name, payer = _client(request)
        self._check_rate(payer)
        self._check_board()
        start = time.monotonic()
        frame = await self._intake.frame(request)
        decoded = time.monotonic() - start
        answer = await self._answer(name, frame)
        return self._classification(answer, decoded, top, sums)

    def _check_rate(self, payer: str) -> None:
        wait = self._rate.wait(payer)
        if wait:
            raise HTTPException(
                429,
                f"too many pictures: {self.limits.rate:g} a second are taken from one client",
                {"Retry-After": str(max(1, round(wait)))},
            )

    def _check_board(self) -> None:
        """Refuse before a picture is uploaded, if there is nobody to look at it."""
        away = self._board.state().away
        if away is not None:
            raise _unavailable(f"there is no board now: {away}")

    async def _answer(self, client: str, frame: np.ndarray) -> Answer:
        try:
            future = self._board.submit(client, frame)
            async with asyncio.timeout(self.limits.patience):
                return await asyncio.wrap_future(future)
        except QueueFull as full:
            raise HTTPException(429, str(full), {"Retry-After": "1"}) from None
        except BoardAway as away:
            raise _unavailable(f"there is no board now: {away}") from None
        except TimeoutError:
            raise _unavailable("the board has not come to this picture in time") from None

    def _classification(
        self, answer: Answer, decoded: float, top: int, sums: bool
    ) -> Classification:
        result = answer.result
        seconds = result.cycles / self._board.info.clock_hz
        times = (decoded, answer.queued, answer.on_board, seconds)
        values = (round(1e3 * value, 3) for value in times)
        return Classification(
            top=_guesses(result.sums, self.served.network, top),
            cycles=result.cycles,
            milliseconds=Milliseconds(
                **dict(zip(("decode", "queue", "board", "accelerator"), values, strict=True))
            ),
            sums=result.sums.tolist() if sums else None,
        )

    def stats(self) -> Stats:
        """How all goes."""
        clock_hz = self._board.info.clock_hz
        return Stats.of(self._board.state(), self._layers, clock_hz, self.watchers)

    def description(self) -> Description:
        """What it is."""
        served, info, limits = self.served, self._board.info, self.limits
        figures = served.figures
        return Description(
            network=served.network.name,
            digest=info.digest.hex(),
            labels=list(served.network.labels),
            shape=info.shape,
            resize=served.preprocessing.resize,
            board=served.board_name,
            link=served.link,
            simulated=served.simulated,
            clock_hz=info.clock_hz,
            coding=self._board.coding,
            planned_frames_per_second=None if figures is None else figures.frames_per_second,
            formats=list(limits.accepted.formats or ()),
            upload_bytes=limits.body,
            picture_pixels=limits.accepted.pixels,
            rate=limits.rate,
        )


def _guesses(sums: np.ndarray, network: QuantizedNetwork, top: int) -> list[Guess]:
    order = np.argsort(-sums.astype(np.int64), kind="stable")[:top]
    named = top_k(sums, network, top)
    return [
        Guess(label=label, index=int(index), probability=probability)
        for index, (label, probability) in zip(order, named, strict=True)
    ]


def _client(connection: HTTPConnection) -> tuple[str, str]:
    """Whose turn a request takes, and whose rate it counts against.

    Programs and browsers of one machine are told apart by a name. Who comes from elsewhere cannot
    ask for more by giving himself many names.
    """
    address = connection.client.host if connection.client else ""
    name = connection.headers.get(CLIENT_HEADER) or connection.cookies.get(CLIENT, "")
    own = f"{address} {name[:_LONGEST_NAME]}"
    return own, own if is_loopback(address) else address


def _unavailable(detail: str) -> HTTPException:
    return HTTPException(503, detail, {"Retry-After": "2"})
