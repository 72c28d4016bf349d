"""The options that say what a board is linked to its host by, and where it is on the LAN."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv4Address
from typing import Annotated

import typer

from boards import BOARDS
from boards.board import Board, Station
from gen.common.errors import FirebrickError
from protocol.packets import MAC_PREFIX, UDP_PORT

ADDRESS = "192.168.1.50"
"""Of a board, if it is given no other."""


@dataclass(frozen=True)
class Address:
    """A board's place on a LAN, as the command line has it.

    Attributes
    ----------
    ip : str or None
        ``192.168.1.50``, and that if None.
    mac : str or None
        ``02:46:c0:a8:01:32``; one made from the address if None.
    port : int or None
        Of UDP; :data:`protocol.packets.UDP_PORT` if None.
    """

    ip: str | None = None
    mac: str | None = None
    port: int | None = None


_GIGABIT = [b.name for b in BOARDS.values() if b.phy is not None and b.phy.kind == "rgmii"]


@dataclass(frozen=True)
class LinkOptions:
    """What a board is linked by, as the command line has it; None where nothing is said."""

    link: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What the host reaches it by: uart or ethernet. On Ethernet "
            f"{', '.join(_GIGABIT)} answer on links of 1 Gb/s only, not on 100 Mb/s.",
        ),
    ] = "uart"
    baud: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=9600,
            help="Bits a second of the serial line, as fast as the board's USB bridge can, which "
            "`gen boards` tells. If not given, what that bridge is known to keep, or less with a "
            "slow clock.",
        ),
    ] = None
    ip: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help=f"Its IPv4 address on Ethernet; {ADDRESS} if not given."
        ),
    ] = None
    mac: Annotated[
        str | None,
        typer.Option(metavar="BYTES", help="Its MAC address; made from --ip if not given."),
    ] = None
    udp_port: Annotated[
        int | None,
        typer.Option(metavar="N", help=f"Its UDP port; {UDP_PORT} if not given."),
    ] = None

    def chosen(self) -> Address | None:
        """The place on a LAN that they ask for; None for a UART.

        Raises
        ------
        FirebrickError
            If they do not go together.
        """
        lan = {"--ip": self.ip, "--mac": self.mac, "--udp-port": self.udp_port}
        if self.link == "ethernet":
            if self.baud is not None:
                raise FirebrickError("--baud is for --link uart; leave it out")
            return Address(self.ip, self.mac, self.udp_port)
        if self.link != "uart":
            raise FirebrickError(f"unknown --link {self.link!r}; there are uart and ethernet")
        for option, value in lan.items():
            if value is not None:
                raise FirebrickError(
                    f"{option} is for --link ethernet; give that too, or leave it out"
                )
        return None


def on_lan(board: Board, place: Address) -> Board:
    """The board with Ethernet as its link.

    Raises
    ------
    FirebrickError
        If the board has no Ethernet, or there can be no such place.
    """
    if board.phy is None:
        raise FirebrickError(f"board {board.name} has no Ethernet; use --link uart")
    address = _address(ADDRESS if place.ip is None else place.ip)
    port = UDP_PORT if place.port is None else place.port
    if not 1 <= port < 1 << 16:
        raise FirebrickError(f"--udp-port must be 1 to 65535, not {port}")
    return replace(board, station=Station(address, _mac(place.mac, address), port))


def _address(text: str) -> IPv4Address:
    try:
        address = IPv4Address(text)
    except AddressValueError as error:
        raise FirebrickError(f"--ip takes an address like {ADDRESS}: {error}") from None
    kinds = {
        "of a group": address.is_multicast,
        "of no machine": address.is_unspecified or address == IPv4Address("255.255.255.255"),
        "of this machine itself": address.is_loopback,
    }
    for kind, is_so in kinds.items():
        if is_so:
            raise FirebrickError(f"--ip {address} is the address {kind}; give one of your LAN")
    return address


def _mac(text: str | None, address: IPv4Address) -> int:
    if text is None:
        return MAC_PREFIX << 32 | int(address)
    if not re.fullmatch(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}", text):
        raise FirebrickError(f"--mac takes six bytes like 02:46:c0:a8:01:32, not {text!r}")
    mac = int(re.sub("[:-]", "", text), 16)
    if mac >> 40 & 1 or mac == 0:
        raise FirebrickError(f"--mac {text} is no single machine's; its first byte must be even")
    return mac
