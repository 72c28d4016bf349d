"""What benchmarks of updates have in common: networks, a key, and a talk with a board."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bench.designs import emitted
from boards import BOARDS
from gen.ir.network import QuantizedNetwork
from gen.nodes.contents import contents_layout
from host.exchange import Exchange
from protocol.contents.blocks import KEY_BYTES
from protocol.contents.image import Image, check_of_all
from protocol.contents.layout import Layout
from protocol.contents.writer import BlockWriter
from protocol.messages import Result
from sim.frames import GeneratedBoard, Sent
from tests.networks import tiny_network, updatable

KEYED = replace(BOARDS["arty_a7"], keyed=True)
KEY = bytes(range(KEY_BYTES))
"""Of simulated boards."""
MARGIN = 1
"""Bits of room of small networks."""


def small_network() -> QuantizedNetwork:
    """Every kind of layer, few pixels, and room for other weights."""
    return updatable(tiny_network(), MARGIN)


@contextmanager
def keyed_board(network: QuantizedNetwork) -> Iterator[GeneratedBoard]:
    """A board with :data:`KEY` for an updatable network; its folder is gone afterwards."""
    with emitted(KEYED, network, key=KEY) as (_, folder):
        yield GeneratedBoard.load(folder)


@dataclass(frozen=True, eq=False)
class Contents:
    """A network in the memories of a board.

    Attributes
    ----------
    network : QuantizedNetwork
    layout : Layout
        Of the board.
    images : list of Image
        Of each memory.
    """

    network: QuantizedNetwork
    layout: Layout
    images: list[Image]

    @staticmethod
    def of(board: GeneratedBoard, network: QuantizedNetwork) -> Contents:
        """A network of the structure of the board's."""
        layout = contents_layout(board.network, board.plan.nodes)
        return Contents(network, layout, layout.images(network.convs))

    @property
    def checks(self) -> list[int]:
        """Of each memory."""
        return [image.check for image in self.images]

    def blocks(
        self, counter: int, key: bytes | None, numbers: Sequence[int] | None = None
    ) -> list[bytes]:
        """Those of an update, from ``BEGIN`` to ``COMMIT``.

        Parameters
        ----------
        counter : int
        key : bytes or None
        numbers : sequence of int, optional
            Memories to write; all unless given.
        """
        writer = BlockWriter(counter, key)
        made = [writer.begin(self.layout.digest)]
        for number in range(len(self.images)) if numbers is None else numbers:
            made += writer.rows(number, self.images[number])
        made.append(writer.commit(check_of_all(self.checks), self.network.digest))
        return made


def answers(exchange: Exchange, sent: Iterable[Sent]) -> list[Result]:
    """Send frames ahead, and wait for what comes of all of them.

    Parameters
    ----------
    exchange : Exchange
        That has met its board, and has no frame without an answer.
    sent : iterable of Sent

    Returns
    -------
    list of Result
        In the order of the frames.

    Raises
    ------
    FirebrickError
        If the board stops to answer.
    """
    session, waiting = exchange.session, deque(sent)
    came: dict[int, Result] = {}
    exchange.begin()
    while waiting or session.unanswered:
        while waiting and session.may_submit:
            item = waiting.popleft()
            session.submit(item.data, coded=item.coded, contents=item.contents)
        exchange.step()
        came |= dict(session.results)
        session.results.clear()
    return [came[ticket] for ticket in sorted(came)]
