"""Running a simulated board for programs that take it for a real one."""

from __future__ import annotations

import os
import select
import socket
import tty
from abc import abstractmethod
from collections.abc import Callable

from gen.common.closing import Closing
from sim.lan import Machine
from sim.simulator import Simulator

SLICE = 2_000
"""Cycles between two looks at the programs."""
LINGER = 2_000_000
"""Cycles in which nothing came or went, after which the clock stops until something comes."""
_AT_ONCE = 1 << 16
_LOOPBACK_BROADCAST = "127.255.255.255"


class Server(Closing):
    """A simulated board and the way to it for programs on this machine."""

    def __init__(self) -> None:
        self._quiet = 0

    @property
    @abstractmethod
    def options(self) -> str:
        """With which ``python -m host`` finds the board."""

    @abstractmethod
    def _exchange(self, timeout: float) -> bool:
        """Take what programs sent, give them what there is; returns whether anything waits."""

    @abstractmethod
    def _advance(self) -> bool:
        """Let :data:`SLICE` cycles pass; returns whether anything came or went."""

    def serve(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Run the board until ``stopped`` says so, which is asked every now and then."""
        while not stopped():
            idle = self._quiet >= LINGER
            if not self._exchange(0.1 if idle else 0.0) and idle:
                continue
            self._quiet = 0 if self._advance() else self._quiet + SLICE


class Terminal(Server):
    """A simulated board behind a pseudo-terminal. Use it as a context manager.

    Parameters
    ----------
    simulator : Simulator
        Of a board's bytes.

    Attributes
    ----------
    port : str
        What a program opens as its serial port.
    """

    def __init__(self, simulator: Simulator):
        super().__init__()
        self._simulator = simulator
        self._ours, theirs = os.openpty()
        self._ends = [self._ours, theirs]
        tty.setraw(theirs)
        os.set_blocking(self._ours, False)
        self.port = os.ttyname(theirs)
        self._inwards = b""
        self._outwards = b""

    @property
    def options(self) -> str:
        """With which ``python -m host`` finds the board."""
        return f"--port {self.port}"

    def close(self) -> None:
        """Close both ends of the terminal."""
        while self._ends:
            os.close(self._ends.pop())

    def _advance(self) -> bool:
        moved = self._simulator.advance(self._inwards, SLICE)
        self._inwards = self._inwards[moved.taken :]
        self._outwards += moved.data
        return bool(moved.taken or moved.data)

    def _exchange(self, timeout: float) -> bool:
        writes = [self._ours] if self._outwards else []
        # No more is taken than the board can use soon, so that the program feels the line's speed.
        reads = [self._ours] if len(self._inwards) < SLICE else []
        readable, writable, _ = select.select(reads, writes, [], timeout)
        if readable:
            self._inwards += os.read(self._ours, _AT_ONCE)
        if writable:
            written = os.write(self._ours, self._outwards)
            self._outwards = self._outwards[written:]
        return bool(self._inwards)


class Bridge(Server):
    """The UDP port of a simulated board, on loopback. Use it as a context manager.

    Broadcasts on loopback to the port that the board itself has reach it too, so programs that look
    for boards find it at this one.

    Parameters
    ----------
    machine : Machine
        Programs talk to the board from there.
    port : int
        On loopback; any that is free if 0.
    """

    def __init__(self, machine: Machine, port: int = 0):
        super().__init__()
        self._machine = machine
        self._programs: dict[int, tuple[str, int]] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", port))
        self._sends = {self._socket: machine.send}
        if (everybody := _broadcasts(machine.station.port)) is not None:
            self._sends[everybody] = machine.broadcast

    @property
    def port(self) -> int:
        """What a program sends its datagrams to."""
        return int(self._socket.getsockname()[1])

    @property
    def options(self) -> str:
        """With which ``python -m host`` finds the board."""
        return f"--udp 127.0.0.1:{self.port}"

    def close(self) -> None:
        """Give the port back."""
        for line in self._sends:
            line.close()

    def _advance(self) -> bool:
        return self._machine.advance(SLICE)

    def _exchange(self, timeout: float) -> bool:
        for port, data in self._machine.take():
            if port in self._programs:
                self._socket.sendto(data, self._programs[port])
        # While the line is busy, datagrams wait in the socket.
        while not self._machine.pending:
            ready = select.select(list(self._sends), [], [], timeout)[0]
            if not ready:
                break
            data, program = ready[0].recvfrom(_AT_ONCE)
            self._programs[program[1]] = program
            self._sends[ready[0]](data, program[1])
        return self._machine.pending > 0


def _broadcasts(port: int) -> socket.socket | None:
    """Broadcasts on loopback to a port, for all who listen; None where there is no such thing."""
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        line.bind((_LOOPBACK_BROADCAST, port))
    except OSError:
        line.close()
        return None
    return line
