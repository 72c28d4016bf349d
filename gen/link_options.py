"""The options that say what a board is linked to its host by, and where it is on the LAN."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv4Address

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


def chosen_link(
    link: str, baud: int | None, ip: str | None, mac: str | None, port: int | None
) -> Address | None:
    """The place on a LAN that ``--link`` and its options ask for; None for a UART.

    Parameters
    ----------
    link : str
        ``uart`` or ``ethernet``.
    baud : int or None
        Of the UART; None if not given, like those that follow.
    ip, mac : str or None
    port : int or None
        See :class:`Address`.

    Raises
    ------
    FirebrickError
        If they do not go together.
    """
    if link == "ethernet":
        if baud is not None:
            raise FirebrickError("--baud is for --link uart; leave it out")
        return Address(ip, mac, port)
    if link != "uart":
        raise FirebrickError(f"unknown --link {link!r}; there are uart and ethernet")
    for option, value in (("--ip", ip), ("--mac", mac), ("--udp-port", port)):
        if value is not None:
            raise FirebrickError(f"{option} is for --link ethernet; give that too, or leave it out")
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
