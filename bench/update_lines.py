"""Updates of simulated boards, bit by bit on their lines."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.link import PORT, SLICE, compiled
from bench.update_talk import KEY
from boards.board import Board
from gen.common.build_folder import BuildFolder
from gen.ir.network import QuantizedNetwork
from gen.plan.plan import Plan
from host.exchange import Exchange
from host.new_contents import NewContents
from host.transport import ByteLink, Link, Transport
from host.update import Updater
from sim.board import Ethernet
from sim.lan import Machine
from sim.simulator import Simulator

TIMEOUT = 5.0
"""Seconds without progress, of the board's clock."""


class Wire(Transport):
    """The far end of a simulated board's serial line.

    Parameters
    ----------
    simulator : Simulator
        Of the board with its line.
    clock_hz : int
    """

    def __init__(self, simulator: Simulator, clock_hz: int):
        self._simulator, self._clock_hz = simulator, clock_hz
        self._waiting = b""

    @property
    def name(self) -> str:
        """For messages."""
        return "simulated line"

    def now(self) -> float:
        """Seconds of the board's clock."""
        return self._simulator.cycles / self._clock_hz

    def write(self, data: bytes) -> None:
        """Keep bytes for the line."""
        self._waiting += data

    def read(self, timeout: float) -> bytes:
        """Run the design until a byte comes."""
        end = self.now() + timeout
        while True:
            moved = self._simulator.advance(self._waiting, SLICE)
            self._waiting = self._waiting[moved.taken :]
            if moved.data or self.now() >= end:
                return moved.data

    def close(self) -> None:
        """Nothing: whoever made the simulation ends it."""


class Lan(Link):
    """A machine on a simulated board's Ethernet.

    Parameters
    ----------
    machine : Machine
    tick_hz : int
        Of the simulation's clock.
    """

    def __init__(self, machine: Machine, tick_hz: int):
        self._machine, self._tick_hz = machine, tick_hz

    @property
    def name(self) -> str:
        """For messages."""
        return "simulated Ethernet"

    def now(self) -> float:
        """Seconds of the board's clock."""
        return self._machine.cycles / self._tick_hz

    def send(self, packets: list[bytes]) -> None:
        """Send each in a datagram."""
        for packet in packets:
            self._machine.send(packet, PORT)

    def receive(self, timeout: float) -> list[bytes]:
        """Run the design until a datagram comes."""
        end = self.now() + timeout
        while True:
            self._machine.advance(SLICE)
            came = [data for _, data in self._machine.take()]
            if came or self.now() >= end:
                return came

    def close(self) -> None:
        """Nothing: whoever made the simulation ends it."""


def simulated(
    build: QuantizedNetwork, made: Plan, board: Board, networks: Mapping[str, QuantizedNetwork]
) -> dict[str, float]:
    """Seconds that ``python -m host update`` takes of a board's clock, bit by bit on the line.

    Parameters
    ----------
    build : QuantizedNetwork
    made : Plan
    board : Board
        Keyed.
    networks : mapping of QuantizedNetwork
        That it gets, each as it was configured.

    Returns
    -------
    dict
        By the names of ``networks``.

    Raises
    ------
    FirebrickError
        If the board does not hold at the end what it should.
    """
    seconds = {}
    with tempfile.TemporaryDirectory(prefix="firebrick-bench-") as scratch:
        folder = BuildFolder(Path(scratch) / "board")
        linked = compiled(build, made, board, folder, key=KEY)
        for title, network in networks.items():
            with Simulator(linked.library) as simulator:
                link: Link = (
                    Lan(Machine(simulator, linked.link.station), linked.link.tick_hz)
                    if isinstance(linked.link, Ethernet)
                    else ByteLink(Wire(simulator, linked.link.clock_hz))
                )
                Exchange(link, None, TIMEOUT).meet()  # machines find one another only once
                start = link.now()
                Updater(link, NewContents.of(folder, network), KEY).run()
                seconds[title] = link.now() - start
    return seconds
