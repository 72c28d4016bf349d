"""A board on a network: a packet a UDP datagram."""

from __future__ import annotations

import select
import socket
from ipaddress import IPv4Address

from gen.common.errors import FirebrickError
from host.neighbours import explanation, known_mac
from host.transport import Link

_BITS_PER_SECOND = 100_000_000
"""Of the slowest Ethernet that a board has."""
_LARGEST = 65_535
_ROOM = 1 << 20
"""Bytes that the operating system is asked to keep for us."""


class UdpLink(Link):
    """Packets to and from one address.

    Parameters
    ----------
    host : str
        IPv4 address or name of the board.
    port : int

    Raises
    ------
    FirebrickError
        If the name is not known, or there is no way to that address.
    """

    def __init__(self, host: str, port: int):
        self._name = f"{host}:{port}"
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
            self._socket.connect((host, port))
            self._socket.setblocking(False)
            self._there: tuple[str, int] = self._socket.getpeername()
        except OSError as error:
            self._socket.close()
            raise FirebrickError(
                f"{self._name}: cannot send there ({error.strerror or error}); give --udp the "
                "address that the board was generated with"
            ) from None

    @property
    def name(self) -> str:
        """Address and port."""
        return self._name

    @property
    def advice(self) -> str:
        """About the LAN, and what is odd about addresses."""
        board, own = (IPv4Address(end[0]) for end in (self._there, self._socket.getsockname()))
        found = explanation(board, own, known_mac(board))
        usual = "is it configured, powered and on this LAN, and is its address right?"
        return f"{usual} It seems that {found}" if found else usual

    @property
    def seconds_per_byte(self) -> float:
        """At 100 Mb/s."""
        return 8 / _BITS_PER_SECOND

    def send(self, packets: list[bytes]) -> None:
        """Send each packet; one that nobody takes is lost, like others on the way.

        Raises
        ------
        FirebrickError
            If this machine cannot send.
        """
        for packet in packets:
            try:
                self._send(packet)
            except ConnectionRefusedError:
                continue
            except OSError as error:
                raise FirebrickError(
                    f"{self._name}: cannot send ({error.strerror}); is the LAN up?"
                ) from None

    def _send(self, packet: bytes) -> None:
        """Send one, as soon as the operating system has room for it."""
        while True:
            try:
                self._socket.send(packet)
                return
            except BlockingIOError:
                select.select([], [self._socket], [])

    def receive(self, timeout: float) -> list[bytes]:
        """Wait up to ``timeout`` seconds for a datagram; returns all that came.

        Raises
        ------
        FirebrickError
            If this machine cannot receive.
        """
        found: list[bytes] = []
        waits = bool(select.select([self._socket], [], [], timeout)[0])
        while waits:
            try:
                found.append(self._socket.recv(_LARGEST))
            except BlockingIOError:
                waits = False
            except ConnectionRefusedError:
                # The answer to something sent earlier; whoever is meant may still come.
                continue
            except OSError as error:
                raise FirebrickError(
                    f"{self._name}: cannot receive ({error.strerror}); is the LAN up?"
                ) from None
        return found

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
