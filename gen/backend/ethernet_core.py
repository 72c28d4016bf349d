"""Ethernet as a board's link: its place on the network, and the network core's Verilog."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Any

from boards.board import Board, Station
from boards.ethernet import CORE
from gen.common.errors import FirebrickError, require_package
from protocol.packets import UDP_PORT

CORE_FILE = f"{CORE}.v"
ADDRESS = "192.168.1.50"
"""Of a board, if it is given no other."""
CHUNK = 1024
"""Pixel bytes in a datagram: 8 % of the line's bits are headers then."""
WINDOW = 8
"""Datagrams of pixels that may wait on the board."""
PING = 1472
"""Bytes of the longest ping that is answered: all that one frame can carry."""
_MORE = 2
"""Datagrams that may come on top of those."""
_HEADERS = 66
"""Bytes of the line's time that a datagram takes beside its payload, gaps included."""
_SCRIPT = Path(__file__).with_name("liteeth_core.py")


@dataclass(frozen=True)
class Address:
    """A board's place on a network, as the command line has it.

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
    """The place on a network that ``--link`` and its options ask for; None for a UART.

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


def on_network(board: Board, place: Address) -> Board:
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


def slowest_clock(board: Board) -> int:
    """Hz at which the network core keeps up with the line."""
    assert board.phy is not None
    return board.phy.bits_per_second // board.phy.width


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
            raise FirebrickError(f"--ip {address} is the address {kind}; give one of your network")
    return address


def _mac(text: str | None, address: IPv4Address) -> int:
    if text is None:
        # Locally administered; unique where addresses are.
        return 0x0246 << 32 | int(address)
    if not re.fullmatch(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}", text):
        raise FirebrickError(f"--mac takes six bytes like 02:46:c0:a8:01:32, not {text!r}")
    mac = int(re.sub("[:-]", "", text), 16)
    if mac >> 40 & 1 or mac == 0:
        raise FirebrickError(f"--mac {text} is no single machine's; its first byte must be even")
    return mac


def core_parameters(board: Board, clock_hz: int) -> dict[str, Any]:
    """What :mod:`gen.backend.liteeth_core` is told: integers and strings."""
    assert board.phy is not None
    assert board.station is not None
    phy, station = board.phy, board.station
    return {
        "phy": phy.kind,
        "family": board.family,
        "part": board.part,
        "width": phy.width,
        "clock_hz": clock_hz,
        "address": str(station.address),
        "mac": station.mac,
        "port": station.port,
        "ping_bytes": PING,
        "rx_words": _rx_words(board, clock_hz),
        "rx_delay_ps": phy.rx_delay_ps,
    }


def _rx_words(board: Board, clock_hz: int) -> int:
    """Words between the line and the shell, which takes a byte a cycle; a power of two.

    All datagrams that may be under way may come together, at the line's rate.
    """
    assert board.phy is not None
    behind = max(0.0, 1 - 8 * clock_hz / board.phy.bits_per_second)
    words = int(behind * (WINDOW + _MORE) * (CHUNK + _HEADERS) * 8 / board.phy.width) + 32
    return 1 << (words - 1).bit_length()


def core_verilog(board: Board, clock_hz: int) -> str:
    """The network core of a board, as Verilog.

    Raises
    ------
    FirebrickError
        If LiteEth is missing or fails.
    """
    require_package("liteeth", "--link ethernet needs LiteEth")
    parameters = json.dumps(core_parameters(board, clock_hz))
    with tempfile.TemporaryDirectory(prefix="firebrick-") as work:
        path = Path(work) / CORE_FILE
        done = subprocess.run(
            # Its folder is kept off its path, where LiteEth finds its own modules.
            [sys.executable, "-P", str(_SCRIPT), parameters, path.name],
            cwd=work,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not path.is_file():
            lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
            raise FirebrickError(f"LiteEth failed: {lines[-1].strip()}")
        return path.read_text()
