"""What a build folder says of itself: who wrote it, for which board, and how that is reached."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from math import inf
from typing import Any

GENERATOR = "firebrick"
_TEXTS = ("version", "network", "board", "part", "loader")
_MALFORMED = (AttributeError, RecursionError, LookupError, TypeError, ValueError)


@dataclass(frozen=True)
class UartLink:
    """A serial line of so many bits a second."""

    baud: int

    @staticmethod
    def from_entry(entry: dict[str, Any]) -> UartLink:
        """The link of a manifest; whatever is wrong raises as it happens to."""
        return UartLink(_positive(entry, "baud"))

    def to_entry(self) -> dict[str, object]:
        """What a manifest says of it."""
        return {"link": "uart", "baud": self.baud}


@dataclass(frozen=True)
class EthernetLink:
    """Where a board is on its LAN.

    Attributes
    ----------
    ip : IPv4Address
    mac : int
        48 bits, the first byte highest.
    udp_port : int
    """

    ip: IPv4Address
    mac: int
    udp_port: int

    @staticmethod
    def from_entry(entry: dict[str, Any]) -> EthernetLink:
        """The link of a manifest.

        Raises
        ------
        KeyError, TypeError, ValueError
            If something is missing, of another type, or no address or port that there can be.
        """
        address = IPv4Address(_text(entry, "ip"))
        mac, port = _positive(entry, "mac"), _positive(entry, "udp_port")
        if mac >= 1 << 48 or port >= 1 << 16:
            raise ValueError(f"there is no MAC address {mac} or port {port}")
        return EthernetLink(address, mac, port)

    def to_entry(self) -> dict[str, object]:
        """What a manifest says of it."""
        return {
            "link": "ethernet",
            "ip": str(self.ip),
            "mac": self.mac,
            "udp_port": self.udp_port,
        }


_LINKS: dict[str, Callable[[dict[str, Any]], UartLink | EthernetLink]] = {
    "uart": UartLink.from_entry,
    "ethernet": EthernetLink.from_entry,
}


@dataclass(frozen=True)
class Manifest:
    """What a folder says of itself.

    Attributes
    ----------
    version : str
        Of what wrote it.
    network : str
        Its name.
    digest : bytes
        Of the network.
    board, part : str
    loader : str
        What openFPGALoader calls the board.
    idcode : int
        Of the FPGA, as :class:`boards.board.Board` has it.
    clock_hz : int
        Of the accelerator.
    link : UartLink or EthernetLink
    files : tuple of str
        What was written beside the manifest, in order.
    coded : bool
        Whether it takes coded frames, too.
    frames_per_second : float
        Of the accelerator; 0 where the folder was written before it was told.
    carries : dict of float
        Photographs a second over its link, by what ``--coding`` of the host may be, from raw to
        the largest steps; nothing where the folder was written before.
    answer : dict of float
        Seconds that the answer to a lone frame takes from its last packet on, as planned, by what
        they are for; nothing where the folder was written before.
    model : str
        Where the model was fetched from, with its checksum; empty if it was a file.
    keyed : bool
        Whether whoever replaces contents needs a key.
    """

    version: str
    network: str
    digest: bytes
    board: str
    part: str
    loader: str
    idcode: int
    clock_hz: int
    link: UartLink | EthernetLink
    files: tuple[str, ...]
    coded: bool = False
    frames_per_second: float = 0.0
    carries: dict[str, float] = field(default_factory=dict)
    answer: dict[str, float] = field(default_factory=dict)
    model: str = ""
    keyed: bool = False

    def to_json(self) -> str:
        """The manifest as a JSON document."""
        entry: dict[str, object] = {
            "generator": GENERATOR,
            "version": self.version,
            "network": self.network,
            "digest": self.digest.hex(),
            "board": self.board,
            "part": self.part,
            "loader": self.loader,
            "idcode": self.idcode,
            "clock_hz": self.clock_hz,
            **self.link.to_entry(),
            "coded": self.coded,
            "frames_per_second": self.frames_per_second,
            "carries": self.carries,
            "answer": self.answer,
            "files": self.files,
        }
        if self.model:
            entry["model"] = self.model
        if self.keyed:
            entry["keyed"] = True
        return json.dumps(entry, indent=2) + "\n"

    @staticmethod
    def from_json(text: str | bytes) -> Manifest:
        """Read back what :meth:`to_json` wrote.

        Raises
        ------
        ValueError
            For anything else.
        """
        try:
            entry = json.loads(text)
            if entry["generator"] != GENERATOR:
                raise ValueError(f"written by {entry['generator']!r}")
            files = entry["files"]
            if not (isinstance(files, list) and all(isinstance(name, str) for name in files)):
                raise TypeError("files are no names")
            return Manifest(
                **{name: _text(entry, name) for name in _TEXTS},
                digest=bytes.fromhex(entry["digest"]),
                idcode=_positive(entry, "idcode"),
                clock_hz=_positive(entry, "clock_hz"),
                link=_LINKS[entry["link"]](entry),
                files=tuple(files),
                coded=_flag(entry, "coded"),
                frames_per_second=_rate(entry.get("frames_per_second", 0.0)),
                carries=_numbers(entry.get("carries", {})),
                answer=_numbers(entry.get("answer", {})),
                model=_text({"model": "", **entry}, "model"),
                keyed=_flag({"keyed": False, **entry}, "keyed"),
            )
        except _MALFORMED as error:
            raise ValueError(f"{type(error).__name__}: {error}") from None


def _text(entry: dict[str, Any], name: str) -> str:
    value = entry[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r} and no text")
    return value


def _rate(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value < inf:
        raise ValueError(f"a rate or a time is {value!r}")
    return float(value)


def _numbers(entry: dict[str, Any]) -> dict[str, float]:
    return {str(name): _rate(value) for name, value in entry.items()}


def _flag(entry: dict[str, Any], name: str) -> bool:
    value = entry[name]
    if not isinstance(value, bool):
        raise TypeError(f"{name} is {value!r} and neither true nor false")
    return value


def _positive(entry: dict[str, Any], name: str) -> int:
    value = entry[name]
    if type(value) is not int or value < 1:
        raise ValueError(f"{name} is {value!r} and no positive number")
    return value
