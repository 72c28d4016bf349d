"""Looking for boards on the LAN: a broadcast ``INFO``, which a board answers whoever has it."""

from __future__ import annotations

import contextlib
import secrets
import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from gen.common.errors import FirebrickError
from host.neighbours import Subnet, explanation, silence, subnets
from protocol.messages import DeviceInfo, ProtocolError
from protocol.packets import HEADER, Kind, Packet

SECONDS = 1.0
"""In which all boards on a LAN answer."""
_TIMES = 3
"""How often they are asked, since datagrams get lost."""
_AGAIN = 0.25
"""Seconds between."""
_LARGEST = 65_535


@dataclass(frozen=True)
class Found:
    """A board that answered.

    Attributes
    ----------
    address : IPv4Address
    port : int
        Of UDP.
    own : IPv4Address
        Of this machine, where the answer came.
    info : DeviceInfo or None
        What it is; None if it is none that this host can talk to.
    problem : str
        Why it is not; else empty.
    """

    address: IPv4Address
    port: int
    own: IPv4Address
    info: DeviceInfo | None
    problem: str = ""

    @property
    def place(self) -> str:
        """As ``--udp`` takes it."""
        return f"{self.address}:{self.port}"

    @property
    def network(self) -> str:
        """The digest of its network, or why that is not known."""
        return self.problem if self.info is None else self.info.digest.hex()

    @property
    def remark(self) -> str:
        """What is odd about its address; else empty."""
        return explanation(self.address, self.own, None)


def discover(
    port: int, patience: float = SECONDS, among: list[Subnet] | None = None
) -> list[Found]:
    """All boards that answer a broadcast within :data:`SECONDS`, by address; or the first ones.

    It neither begins a session nor ends one, so boards that others use are found, too.

    Parameters
    ----------
    port : int
        UDP port that boards are at.
    patience : float
        Seconds to wait for the first one, if that is more.
    among : list of Subnet, optional
        Where to ask; wherever this machine has an IPv4 address if not given.

    Raises
    ------
    FirebrickError
        If none does.
    """
    among = subnets() if among is None else among
    question = Packet(Kind.INFO, secrets.randbelow(1 << HEADER.bits["sequence"]))
    found: dict[tuple[IPv4Address, int], Found] = {}
    patience = max(SECONDS, patience) if among else 0.0
    with contextlib.ExitStack() as stack:
        lines = {stack.enter_context(line): subnet for line, subnet in _lines(among)}
        start, asked = time.monotonic(), 0
        while (past := time.monotonic() - start) < (SECONDS if found else patience):
            if asked <= past / _AGAIN and asked < _TIMES:
                asked += 1
                _ask(lines, question.encode(), port)
            for board in _answers(lines, question.sequence, _AGAIN / 2):
                found[board.address, board.port] = board
    if not found:
        raise FirebrickError(silence(among, port, patience))
    return [found[place] for place in sorted(found)]


def the_only(port: int, patience: float, among: list[Subnet] | None = None) -> Found:
    """The board that is there if nobody says which one.

    Parameters
    ----------
    port : int
    patience : float
    among : list of Subnet, optional
        Those of :func:`discover`.

    Raises
    ------
    FirebrickError
        If there is none, or more than one.
    """
    found = discover(port, patience, among)
    if len(found) > 1:
        listed = ", ".join(f"{board.place} ({board.network})" for board in found)
        raise FirebrickError(
            f"--udp without an address, and {len(found)} boards answer: {listed}; say which one, "
            f"as --udp {found[0].place}"
        )
    return found[0]


def _lines(among: list[Subnet]) -> Iterator[tuple[socket.socket, Subnet]]:
    """A socket for each subnet; an address may be gone since it was listed."""
    for subnet in among:
        line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            # Broadcasts leave where this address is.
            line.bind((str(subnet.own), 0))
        except OSError:
            line.close()
        else:
            yield line, subnet


def _ask(lines: dict[socket.socket, Subnet], question: bytes, port: int) -> None:
    """Send a question to all; a network that cannot be sent to has no boards."""
    for line, subnet in lines.items():
        for everybody in subnet.broadcasts:
            with contextlib.suppress(OSError):
                line.sendto(question, (str(everybody), port))


def _answers(lines: dict[socket.socket, Subnet], sequence: int, seconds: float) -> Iterator[Found]:
    """Boards whose answers come within some seconds.

    Parameters
    ----------
    lines : dict
    sequence : int
        Of the question.
    seconds : float
    """
    for line in select.select(list(lines), [], [], seconds)[0]:
        try:
            data, (address, port) = line.recvfrom(_LARGEST)
        except OSError:
            continue
        packet = Packet.decode(data)
        if packet is not None and (packet.kind, packet.sequence) == (Kind.INFO, sequence):
            yield _found(IPv4Address(address), port, lines[line].own, packet.payload)


def _found(address: IPv4Address, port: int, own: IPv4Address, payload: bytes) -> Found:
    """The board that said so."""
    try:
        return Found(address, port, own, DeviceInfo.decode(payload))
    except ProtocolError as error:
        return Found(address, port, own, None, str(error))
