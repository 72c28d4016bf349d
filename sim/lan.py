"""The LAN of a simulated board."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address

import dpkt

from boards.board import Station
from sim.mii import FrameReader, nibbles
from sim.simulator import Simulator

SLICE = 500
"""Cycles between two looks at what came."""
MAC = bytes.fromhex("02fb00000001")
_BROADCAST = b"\xff" * 6
EVERYBODY = IPv4Address("255.255.255.255")
_ASK_AGAIN = 20_000
"""Cycles after which a question for a MAC address is asked again: the first may come too early."""
_PATIENCE = 200_000
"""Cycles that an answer may take."""


class Machine:
    """The other machine on a board's LAN; it has all addresses but the board's.

    Parameters
    ----------
    simulator : Simulator
        Of a board inside :class:`sim.mii.MiiPhy`.
    station : Station
        The board's.

    Attributes
    ----------
    station : Station
        As given; where datagrams are sent.
    frames : FrameReader
        From the board.
    datagrams : list of (port, bytes)
        That came from the board, and the ports they were sent to; see :meth:`take`.
    fault : callable
        Makes of the nibbles of each Ethernet frame to the board those that go over the line.
    echoes : list of bytes
        What the board sent back of pings.
    """

    def __init__(self, simulator: Simulator, station: Station):
        self._simulator = simulator
        self.station = station
        self._address = _neighbour(station.address)
        self._line = b""
        self._mac: bytes | None = None
        self._waiting: list[bytes] = []
        self._ask_at = 0
        self.frames = FrameReader()
        self.fault: Callable[[bytes], bytes] = bytes
        self.datagrams: list[tuple[int, bytes]] = []
        self.echoes: list[bytes] = []

    @property
    def cycles(self) -> int:
        """The board's clock."""
        return self._simulator.cycles

    @property
    def mac(self) -> bytes | None:
        """The board's, once it has said it."""
        return self._mac

    @property
    def pending(self) -> int:
        """Nibbles that wait for the line, and datagrams that wait for the board's MAC address."""
        return len(self._line) + len(self._waiting)

    def send(self, payload: bytes, port: int) -> None:
        """Send a datagram to the board, from ``port`` of this machine."""
        self._to_board(dpkt.ip.IP_PROTO_UDP, self._datagram(payload, port))

    def broadcast(self, payload: bytes, port: int, to: IPv4Address = EVERYBODY) -> None:
        """Send a datagram to all on the LAN, whatever their addresses.

        Parameters
        ----------
        payload : bytes
        port : int
            Of this machine.
        to : IPv4Address
            That stands for all.
        """
        packet = self._packet(dpkt.ip.IP_PROTO_UDP, self._datagram(payload, port), to)
        self._put_frame(_BROADCAST, dpkt.ethernet.ETH_TYPE_IP, packet)

    def take(self) -> list[tuple[int, bytes]]:
        """Datagrams that came from the board since last time, and the ports they were sent to."""
        taken, self.datagrams = self.datagrams, []
        return taken

    def ping(self, payload: bytes) -> None:
        """Ask the board to send ``payload`` back."""
        echo = dpkt.icmp.ICMP.Echo(id=1, seq=1, data=payload)
        self._to_board(dpkt.ip.IP_PROTO_ICMP, dpkt.icmp.ICMP(type=dpkt.icmp.ICMP_ECHO, data=echo))

    def put(self, coded: bytes) -> None:
        """Send nibbles, whatever they are."""
        self._line += coded

    def _datagram(self, payload: bytes, port: int) -> dpkt.udp.UDP:
        """From ``port`` to the board's."""
        head = dpkt.udp.UDP(sport=port, dport=self.station.port, data=payload)
        head.ulen = len(head)
        return head

    def _packet(self, protocol: int, data: dpkt.Packet, to: IPv4Address) -> bytes:
        """From this machine to an address."""
        packet = dpkt.ip.IP(src=self._address.packed, dst=to.packed, p=protocol, data=data)
        packet.len = len(packet)
        return bytes(packet)

    def _to_board(self, protocol: int, data: dpkt.Packet) -> None:
        packet = self._packet(protocol, data, self.station.address)
        if self._mac is None:
            self._waiting.append(packet)
        else:
            self._put_frame(self._mac, dpkt.ethernet.ETH_TYPE_IP, packet)

    def _ask(self) -> None:
        """Ask for the board's MAC address, again if there was no answer."""
        now = self._simulator.cycles
        if self._mac is not None or not self._waiting or now < self._ask_at:
            return
        self._ask_at = now + _ASK_AGAIN
        question = dpkt.arp.ARP(
            op=dpkt.arp.ARP_OP_REQUEST,
            sha=MAC,
            spa=self._address.packed,
            tha=bytes(6),
            tpa=self.station.address.packed,
        )
        self._put_frame(_BROADCAST, dpkt.ethernet.ETH_TYPE_ARP, bytes(question))

    def _put_frame(self, to: bytes, kind: int, data: bytes) -> None:
        self._line += self.fault(nibbles(to + MAC + kind.to_bytes(2, "big") + data))

    def advance(self, cycles: int) -> bool:
        """Let time pass on the line; returns whether anything went over it."""
        self._ask()
        moved = self._simulator.advance(self._line, cycles)
        self._line = self._line[moved.taken :]
        for frame in self.frames.feed(moved.data):
            self._receive(frame)
        return bool(moved.taken or moved.data)

    def wait(self, done: Callable[[], bool], cycles: int = _PATIENCE) -> bool:
        """Let time pass until something is so, or for ``cycles``; returns whether it is."""
        end = self._simulator.cycles + cycles
        while not done() and self._simulator.cycles < end:
            self.advance(SLICE)
        return done()

    def _receive(self, frame: bytes) -> None:
        try:
            ethernet = dpkt.ethernet.Ethernet(frame)
        except dpkt.UnpackError:
            self.frames.damaged += 1
            return
        if isinstance(ethernet.data, dpkt.arp.ARP):
            self._receive_arp(ethernet.data)
        elif isinstance(ethernet.data, dpkt.ip.IP):
            inner = ethernet.data.data
            if isinstance(inner, dpkt.udp.UDP):
                self.datagrams.append((inner.dport, bytes(inner.data)))
            elif isinstance(inner, dpkt.icmp.ICMP) and inner.type == dpkt.icmp.ICMP_ECHOREPLY:
                self.echoes.append(bytes(inner.data.data))

    def _receive_arp(self, message: dpkt.arp.ARP) -> None:
        """Answer for every address; take in the board's."""
        if message.spa == self.station.address.packed:
            self._mac = bytes(message.sha)
            waiting, self._waiting = self._waiting, []
            for packet in waiting:
                self._put_frame(self._mac, dpkt.ethernet.ETH_TYPE_IP, packet)
        if message.op == dpkt.arp.ARP_OP_REQUEST:
            answer = dpkt.arp.ARP(
                op=dpkt.arp.ARP_OP_REPLY,
                sha=MAC,
                spa=message.tpa,
                tha=message.sha,
                tpa=message.spa,
            )
            self._put_frame(bytes(message.sha), dpkt.ethernet.ETH_TYPE_ARP, bytes(answer))


def _neighbour(address: IPv4Address) -> IPv4Address:
    """Another address of the same LAN."""
    return IPv4Address(int(address) ^ (2 if int(address) & 3 != 2 else 1))
