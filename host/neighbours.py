"""Why a board on the LAN may not answer: what this machine knows of addresses."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import psutil

from protocol.packets import MAC_PREFIX

ARP_TABLE = Path("/proc/net/arp")
"""Where Linux tells which MAC address has which IP address, and whom it asked in vain."""
_NOBODY = "00:00:00:00:00:00"
EVERYBODY = IPv4Address("255.255.255.255")


@dataclass(frozen=True)
class Subnet:
    """One that this machine is in.

    Attributes
    ----------
    interface : str
        Its name.
    own : IPv4Address
        Of this machine.
    broadcasts : tuple of IPv4Address
        Each stands for all who are there.
    """

    interface: str
    own: IPv4Address
    broadcasts: tuple[IPv4Address, ...]

    @staticmethod
    def of(interface: str, own: str, netmask: str | None) -> Subnet:
        """That of an interface's address.

        Parameters
        ----------
        interface, own : str
        netmask : str or None
            None where there is only one other end.
        """
        here = IPv4Interface(f"{own}/{netmask or 32}")
        directed = (here.network.broadcast_address,) if here.network.prefixlen < 31 else ()
        # Not all systems have the broadcast to everybody leave where it should.
        return Subnet(interface, here.ip, directed if here.is_loopback else (EVERYBODY, *directed))


def subnets() -> list[Subnet]:
    """All that this machine is in, by its interfaces that are up."""
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    return [
        Subnet.of(name, entry.address, entry.netmask)
        for name, entries in psutil.net_if_addrs().items()
        for entry in entries
        if name in up and entry.family == socket.AF_INET
    ]


def silence(asked: list[Subnet], port: int, seconds: float) -> str:
    """That no board answered a broadcast, and what to do.

    Parameters
    ----------
    asked : list of Subnet
    port : int
        Of UDP.
    seconds : float
        How long they had.
    """
    if all(subnet.own.is_loopback for subnet in asked):
        return (
            "no board answered a broadcast, and none on a LAN could: no interface of this machine "
            "is up and has an IPv4 address; plug the cable and give its interface one, say "
            "192.168.1.1/24 for a board at 192.168.1.50"
        )
    where = ", ".join(f"{subnet.own} ({subnet.interface})" for subnet in asked)
    return (
        f"no board answered a broadcast to UDP port {port} within {seconds:g} s, sent from "
        f"{where}; is it powered and configured, on the LAN of one of these and not behind a "
        "router, does the port do what it needs (1 Gb/s, if its PHY is RGMII), and does the "
        f"firewall here let in UDP from port {port}? Most take no answer to a broadcast for one. "
        "--udp :PORT looks for boards that were generated with another --udp-port, and --udp "
        "ADDRESS needs no broadcast"
    )


def usual_mac(address: IPv4Address) -> str:
    """The MAC address that a board with this address has unless it was generated with another."""
    digits = f"{MAC_PREFIX << 32 | int(address):012x}"
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def explanation(board: IPv4Address, own: IPv4Address, mac: str | None) -> str:
    """What may be wrong with the addresses; nothing if they look right.

    Parameters
    ----------
    board : IPv4Address
        That nobody answers at.
    own : IPv4Address
        Of this machine, on its way there.
    mac : str or None
        That somebody on the LAN says that the board's address belongs to; None if it is not known.
    """
    if own.is_loopback:
        return ""
    if int(board) >> 8 != int(own) >> 8:
        return (
            f"this machine is {own} on its way there, which may be another subnet: give it an "
            f"address like {_beside(board)}, or generate the board with --ip {_beside(own)}"
        )
    if mac == _NOBODY:
        return (
            f"nobody on this LAN has the address {board}: is the cable plugged, and does the port "
            "do what the board needs (1 Gb/s, if its PHY is RGMII)?"
        )
    if mac is not None and mac != usual_mac(board):
        return (
            f"{board} is the address of {mac}, and a board that was generated with it is "
            f"{usual_mac(board)} unless --mac said otherwise: if another machine has the address, "
            "generate the board with another --ip"
        )
    return ""


def _beside(address: IPv4Address) -> IPv4Address:
    """Another address of the same subnet, as subnets are at home."""
    last = int(address) & 0xFF
    return address + (1 if last < 0xFE else -1)


def known_mac(board: IPv4Address, table: Iterable[str] | None = None) -> str | None:
    """The MAC address that this machine has learnt for an address; None if it has none to tell.

    Parameters
    ----------
    board : IPv4Address
    table : iterable of str, optional
        Lines as Linux has them in :data:`ARP_TABLE`, which is read if none are given.
    """
    if table is None:
        table = ARP_TABLE.read_text().splitlines() if ARP_TABLE.is_file() else ()
    for line in table:
        fields = line.split()
        if len(fields) >= 4 and fields[0] == str(board):
            return fields[3].lower()
    return None
