"""What goes over the link, byte for byte. Host and gateware are both built from these tables.

A packet is a :data:`HEADER`, ``length`` bytes of payload, and the CRC-32 (zlib's) of both, least
significant byte first, like all integers. A datagram holds one packet as it is. On a byte stream a
:data:`FLAG` begins every packet, and bytes inside it that look like ``FLAG`` or :data:`ESCAPE` are
sent as ``ESCAPE`` and the byte with :data:`FLIP` flipped, as PPP does (RFC 1662): whatever was lost
before, the next ``FLAG`` begins a packet.

============== ================================= ===============================================
kind           from the host                     from the board
============== ================================= ===============================================
``RESET``      forget all; the next frame will   done; answers everything that came before it,
               have this ``sequence``            since nothing of that will follow
``INFO``       what are you?                     the same ``sequence``, :data:`INFO`
``STATISTICS`` how are you?                      the same ``sequence``, :data:`STATISTICS` and
                                                 :data:`STALL`
``FRAME``      bytes ``index * chunk`` and on
               of frame ``sequence``: ``chunk``
               of them, but for the last one;
               :data:`Form` says what bytes
``ACK``                                          ``sequence`` and ``index`` are those of the
                                                 ``FRAME`` that the board takes next; credit
                                                 for some packets from there on:
                                                 :data:`CREDIT`
``NACK``                                         the same, and some packet has been refused
                                                 since the last of these: damaged, or not the
                                                 one that was next
``CONTENTS``   what do your memories hold?       the same ``sequence``, :data:`CONTENTS` and a
                                                 :data:`MEMORY` for each; only boards whose
                                                 contents can be updated
``RESULT``                                       of frame ``sequence``: :data:`RESULT`, then the
                                                 class sums from ``index * SUMS`` on, int32;
                                                 :data:`Form` says whether they mean anything
============== ================================= ===============================================

A frame's bytes are its pixels, or a coded frame's (``docs/coding.md``) if the board takes such:
frame by frame, as the host likes. Or they are new contents for the board's memories
(``docs/updates.md``), if it says that it has such. How long a frame of codes or of contents is, its
last packet says.

The board takes frames in the order of their sequence numbers, and packets in that of their indices.
So what was lost is sent again, and a frame reaches the accelerator whole unless a reset cuts it.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import cached_property

VERSION = 5
MAGIC = int.from_bytes(b"FBRK", "little")
FLAG = 0x7E
ESCAPE = 0x7D
FLIP = 0x20
SUMS = 128
"""Class sums in a ``RESULT``; fewer in the last one of a frame."""
CHECK_BYTES = 4
MAC_PREFIX = 0x0246
"""The upper 16 bits of the MAC addresses of boards, unless they are generated with others: locally
administered. The lower 32 are the IP address, so they are unique where addresses are."""
UDP_PORT = 18_002
"""Of boards on Ethernet, unless they are generated with another one."""
MOST_PAYLOAD = 1 << 14
"""No packet is longer; a header that says so is damaged."""


class Kind(IntEnum):
    """What a packet is."""

    RESET = 1
    INFO = 2
    STATISTICS = 3
    FRAME = 4
    ACK = 5
    NACK = 6
    RESULT = 7
    CONTENTS = 8


class Form(IntFlag):
    """What is special about a packet."""

    CODED = 1
    """The bytes of a ``FRAME`` are those of a coded frame."""
    LAST = 2
    """They are the last ones of a frame of codes or contents."""
    REFUSED = 4
    """The frame of a ``RESULT`` was malformed, or came during an update, and its class sums mean
    nothing; or it was one of contents that were refused, and the first of them says why."""
    CONTENTS = 8
    """The bytes of a ``FRAME`` are contents for the board's memories."""


_FORMS = {1: "B", 2: "H", 4: "I", 8: "Q"}
"""What :mod:`struct` calls integers of so many bytes."""


@dataclass(frozen=True)
class Block:
    """Unsigned integers one after another.

    Attributes
    ----------
    fields : tuple of (name, size in bytes)
        Of 1, 2, 4 or 8 bytes.
    """

    fields: tuple[tuple[str, int], ...]

    @cached_property
    def size(self) -> int:
        """Bytes of all."""
        return self._form.size

    @cached_property
    def _form(self) -> struct.Struct:
        """The fields as :mod:`struct` has them."""
        return struct.Struct("<" + "".join(_FORMS[size] for _, size in self.fields))

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.fields)

    @property
    def bits(self) -> dict[str, int]:
        """Widths by name, the first in the least significant place: a layout for hardware."""
        return {name: 8 * size for name, size in self.fields}

    def encode(self, **values: int) -> bytes:
        """The block with these values, one for each field.

        Raises
        ------
        ValueError
            If the values are not those of the fields.
        OverflowError
            If one is negative or too large for its field.
        """
        ordered = [values[name] for name in self._names if name in values]
        if not len(ordered) == len(values) == len(self._names):
            raise ValueError(f"values for {sorted(values)}, fields are {self.fields}")
        try:
            return self._form.pack(*ordered)
        except struct.error as error:
            raise OverflowError(f"{values}: {error}") from None

    def decode(self, data: bytes) -> dict[str, int]:
        """Values by name, from the first bytes of ``data``.

        Raises
        ------
        ValueError
            If there are too few bytes.
        """
        return dict(zip(self._names, self.unpack(data), strict=True))

    def unpack(self, data: bytes) -> tuple[int, ...]:
        """Values in the order of the fields, from the first bytes of ``data``.

        Raises
        ------
        ValueError
            If there are too few bytes.
        """
        if len(data) < self.size:
            raise ValueError(f"{len(data)} bytes are no block of {self.size}")
        return self._form.unpack_from(data)


HEADER = Block((("sequence", 2), ("index", 2), ("kind", 1), ("form", 1), ("length", 2)))

OVERHEAD = 1 + HEADER.size + CHECK_BYTES
"""Bytes around a payload on a byte stream: flag, header, CRC."""

INFO = Block(
    (
        ("magic", 4),
        ("version", 2),
        ("chunk", 2),
        ("credits", 2),
        ("frames", 2),
        ("height", 2),
        ("width", 2),
        ("channels", 2),
        ("classes", 2),
        ("streams", 2),
        ("coded", 2),
        ("clock_hz", 4),
        ("digest", 8),
        ("structure", 8),
        ("memories", 2),
        ("update", 2),
        ("counter", 4),
    )
)
"""What the board is; see :class:`protocol.messages.DeviceInfo`."""

STATISTICS = Block(
    (
        ("cycles", 4),
        ("stalled", 4),
        ("pixels", 4),
        ("sequence", 2),
        ("index", 2),
        ("credit", 2),
        ("in_flight", 2),
        ("answered", 2),
        ("bad", 2),
        ("dropped", 2),
        ("lost", 2),
        ("refused", 2),
        ("spare", 2),
    )
)
"""How the board does; see :class:`protocol.messages.Statistics`. A :data:`STALL` for each of its
streams follows."""

STALL = Block((("samples", 4),))
"""In how many samples a stream was stalled. Each is looked at once in :func:`stall_turn` cycles."""


def stall_turn(streams: int) -> int:
    """Clock cycles from one look at a stream to the next: a prime, the first that leaves time."""
    turn = max(streams, 2)
    while any(turn % divisor == 0 for divisor in range(2, turn)):
        turn += 1
    return turn


CONTENTS = Block((("counter", 4), ("update", 4)))
"""How far updates have come, as :data:`INFO` says it; see
:class:`protocol.messages.ContentsState`. A :data:`MEMORY` for each of its memories follows."""

MEMORY = Block((("check", 8),))
"""CRC-64/XZ of what a memory holds; 0 if that is unknown."""

KEYED = 1
"""Bit of ``update``: the board takes contents only under a key."""
UPDATING = 2
"""Bit of ``update``: an update has begun and is not complete."""

CREDIT = Block((("credit", 2), ("spare", 2)))
"""How many ``FRAME`` packets have a place, from the one that is next."""

RESULT = Block((("cycles", 4), ("network", 4)))
"""Clock cycles of the frame, and the first bytes of the network's digest."""


@dataclass(frozen=True)
class Packet:
    """A packet whose CRC is right."""

    kind: int
    sequence: int
    index: int = 0
    payload: bytes = b""
    form: int = 0

    def encode(self) -> bytes:
        """Header, payload and CRC."""
        head = HEADER.encode(
            sequence=self.sequence,
            index=self.index,
            kind=self.kind,
            form=self.form,
            length=len(self.payload),
        )
        return check(head + self.payload)

    @staticmethod
    def decode(data: bytes) -> Packet | None:
        """Read a packet; ``None`` if it is damaged."""
        if len(data) < HEADER.size:
            return None
        sequence, index, kind, form, length = HEADER.unpack(data)
        size = HEADER.size + length
        body, rest = data[:size], data[size:]
        if rest != zlib.crc32(body).to_bytes(CHECK_BYTES, "little"):
            return None
        return Packet(kind, sequence, index, body[HEADER.size :], form)


def check(body: bytes) -> bytes:
    """Add its CRC to a header with its payload."""
    return body + zlib.crc32(body).to_bytes(CHECK_BYTES, "little")


def packet_bytes(data: bytes) -> int | None:
    """How long the packet is that begins so; ``None`` if that cannot be told yet."""
    if len(data) < HEADER.size:
        return None
    return HEADER.size + HEADER.decode(data)["length"] + CHECK_BYTES
