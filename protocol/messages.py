"""What the packets of a board say, as Python objects."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from protocol import packets
from protocol.packets import KEYED, SUMS, UPDATING, Block

MOST_STREAMS = 4000
"""As many as fit in a packet."""
MOST_MEMORIES = 255
NETWORK_BYTES = 4
"""How much of the network's digest a result carries."""


class ProtocolError(ValueError):
    """A packet that is whole, but says what no board of ours would say."""


@dataclass(frozen=True)
class DeviceInfo:
    """What a board is, and how much it takes ahead.

    Attributes
    ----------
    height, width, channels : int
        Of a frame.
    classes : int
        Class sums in a result.
    clock_hz : int
        Of the accelerator.
    digest : bytes
        8 bytes that name the network.
    chunk : int
        Pixel bytes in a ``FRAME`` packet.
    credits : int
        ``FRAME`` packets that may wait on the board: what flow control begins with.
    frames : int
        Frames that may be on the board without an answer.
    streams : int
        Streams between layers whose stalls it counts: one a layer, in the network's order; or none.
    coded : bool
        It takes coded frames, too.
    structure : bytes
        8 bytes that name all that an update leaves as it is: of the network, and how memories hold
        it.
    memories : int
        Memories whose contents can be updated; none on most boards.
    keyed : bool
        It takes contents only under a key.
    updating : bool
        An update has begun and is not complete.
    counter : int
        Of the last update that began.

    Raises
    ------
    ValueError
        If a number is out of range, digest or structure are not 8 bytes, or a frame is more than
        65536 packets.
    """

    height: int
    width: int
    channels: int
    classes: int
    clock_hz: int
    digest: bytes
    chunk: int = 512
    credits: int = 8
    frames: int = 8
    streams: int = 0
    coded: bool = False
    structure: bytes = bytes(8)
    memories: int = 0
    keyed: bool = False
    updating: bool = False
    counter: int = 0

    def __post_init__(self) -> None:
        for name in ("height", "width", "channels", "classes", "chunk", "credits", "frames"):
            if not 1 <= getattr(self, name) < 1 << 16:
                raise ValueError(f"{name} must be 1 to 65535, not {getattr(self, name)}")
        if not 0 <= self.streams <= MOST_STREAMS:
            raise ValueError(f"streams must be 0 to {MOST_STREAMS}, not {self.streams}")
        if not 0 <= self.memories <= MOST_MEMORIES:
            raise ValueError(f"memories must be 0 to {MOST_MEMORIES}, not {self.memories}")
        for name in ("digest", "structure"):
            if (length := len(getattr(self, name))) != 8:
                raise ValueError(f"the {name} must be 8 bytes, not {length}")
        if self.chunks > 1 << 16:
            raise ValueError(f"a frame of {self.frame_bytes} bytes is more than 65536 packets")

    @property
    def frame_bytes(self) -> int:
        """Bytes of pixels in a frame."""
        return self.height * self.width * self.channels

    @property
    def chunks(self) -> int:
        """``FRAME`` packets a raw frame."""
        return -(-self.frame_bytes // self.chunk)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of a frame."""
        return self.height, self.width, self.channels

    @property
    def parts(self) -> int:
        """``RESULT`` packets a frame."""
        return -(-self.classes // SUMS)

    @property
    def statistics_bytes(self) -> int:
        """Of the payload of a ``STATISTICS``."""
        return packets.STATISTICS.size + self.streams * packets.STALL.size

    @property
    def contents_bytes(self) -> int:
        """Of the payload of a ``CONTENTS``; nothing if the board sends no such."""
        return packets.CONTENTS.size + self.memories * packets.MEMORY.size if self.memories else 0

    @property
    def longest_answer(self) -> int:
        """Bytes of the longest packet that the board sends."""
        result = packets.RESULT.size + 4 * min(self.classes, SUMS)
        payload = max(packets.INFO.size, self.statistics_bytes, self.contents_bytes, result)
        return packets.HEADER.size + payload + packets.CHECK_BYTES

    @property
    def entry(self) -> dict[str, int | bool | str]:
        """All attributes by name, for JSON: bytes in hexadecimal."""
        return asdict(self) | {"digest": self.digest.hex(), "structure": self.structure.hex()}

    def encode(self) -> bytes:
        """The payload of an ``INFO``."""
        values = asdict(self)
        for name in ("digest", "structure"):
            values[name] = int.from_bytes(values[name], "little")
        values["update"] = _update(values.pop("keyed"), values.pop("updating"))
        return packets.INFO.encode(magic=packets.MAGIC, version=packets.VERSION, **values)

    @staticmethod
    def decode(payload: bytes) -> DeviceInfo:
        """Read the payload of an ``INFO``.

        Raises
        ------
        ProtocolError
            If it is not one, or of another version.
        """
        if len(payload) != packets.INFO.size:
            raise ProtocolError(f"it describes itself in {len(payload)} bytes; is it ours?")
        values = packets.INFO.decode(payload)
        if values.pop("magic") != packets.MAGIC:
            raise ProtocolError("it describes itself as no firebrick board")
        if (version := values.pop("version")) != packets.VERSION:
            raise ProtocolError(
                f"it speaks protocol version {version}, this host version {packets.VERSION}; "
                "generate the board's sources again with this version"
            )
        digest, structure = (
            values.pop(name).to_bytes(8, "little") for name in ("digest", "structure")
        )
        coded = bool(values.pop("coded"))
        keyed, updating = _read_update(values.pop("update"))
        try:
            return DeviceInfo(
                **values,
                digest=digest,
                coded=coded,
                structure=structure,
                keyed=keyed,
                updating=updating,
            )
        except ValueError as error:
            raise ProtocolError(f"it describes itself wrongly: {error}") from None


def _update(keyed: bool, updating: bool) -> int:
    return KEYED * keyed | UPDATING * updating


def _read_update(bits: int) -> tuple[bool, bool]:
    if bits & ~(KEYED | UPDATING):
        raise ProtocolError(
            f"it says {bits:#x} of its updates, which no board of this version does"
        )
    return bool(bits & KEYED), bool(bits & UPDATING)


def _read_list(
    payload: bytes, head: Block, item: Block, what: str
) -> tuple[dict[str, int], tuple[int, ...]]:
    """The values of a block, and what the items behind it say, each in one field."""
    start, size = head.size, item.size
    if len(payload) < start or (len(payload) - start) % size:
        raise ProtocolError(f"it tells of its {what} in {len(payload)} bytes")
    places = range(start, len(payload), size)
    items = tuple(item.unpack(payload[place : place + size])[0] for place in places)
    return head.decode(payload), items


@dataclass(frozen=True)
class ContentsState:
    """What a board's memories hold, and how far updates of them have come.

    Attributes
    ----------
    counter : int
        Of the last update that began.
    keyed : bool
        The board takes contents only under a key.
    updating : bool
        An update has begun and is not complete.
    checks : tuple of int
        CRC-64/XZ of the image of each memory, in the order of their numbers; 0 if what it holds is
        unknown.
    """

    counter: int
    keyed: bool
    updating: bool
    checks: tuple[int, ...]

    def encode(self) -> bytes:
        """The payload of a ``CONTENTS``."""
        head = packets.CONTENTS.encode(
            counter=self.counter, update=_update(self.keyed, self.updating)
        )
        return head + b"".join(packets.MEMORY.encode(check=check) for check in self.checks)

    @staticmethod
    def decode(payload: bytes) -> ContentsState:
        """Read the payload of a ``CONTENTS``.

        Raises
        ------
        ProtocolError
            If it is not one.
        """
        values, checks = _read_list(payload, packets.CONTENTS, packets.MEMORY, "contents")
        return ContentsState(values["counter"], *_read_update(values["update"]), checks)


@dataclass(frozen=True)
class Statistics:
    """How a board has been doing since it was switched on.

    Attributes
    ----------
    cycles : int
        Clock cycles of the frame that is being answered, or was answered last.
    stalled : int
        Cycles in which a pixel waited for the accelerator, modulo 2^32.
    pixels : int
        Bytes that the frame that goes into the accelerator still lacks.
    sequence, index, credit : int
        What an acknowledgement would say.
    in_flight : int
        Frames on the board, without an answer.
    answered : int
        Frames with one, modulo 2^16 as all that follow.
    bad : int
        Packets that came damaged.
    dropped : int
        Packets that came whole and were not the one that was next, or came without credit.
    lost : int
        Bytes that a serial line's receiver lost, or datagrams that came damaged.
    refused : int
        Frames whose results have ``Form.REFUSED``.
    stalls : tuple of int
        For each stream between layers, samples in which it was stalled, modulo 2^32; see
        :meth:`stall_cycles`.
    """

    cycles: int
    stalled: int
    pixels: int
    sequence: int
    index: int
    credit: int
    in_flight: int
    answered: int
    bad: int
    dropped: int
    lost: int
    refused: int = 0
    stalls: tuple[int, ...] = ()

    def encode(self) -> bytes:
        """The payload of a ``STATISTICS``."""
        values = asdict(self)
        stalls = values.pop("stalls")
        counts = b"".join(packets.STALL.encode(samples=samples) for samples in stalls)
        return packets.STATISTICS.encode(**values, spare=0) + counts

    @staticmethod
    def decode(payload: bytes) -> Statistics:
        """Read the payload of a ``STATISTICS``.

        Raises
        ------
        ProtocolError
            If it is not one.
        """
        values, stalls = _read_list(payload, packets.STATISTICS, packets.STALL, "statistics")
        del values["spare"]
        return Statistics(**values, stalls=stalls)

    def stall_cycles(self, before: Statistics | None = None) -> tuple[int, ...]:
        """About how many cycles each stream was stalled, in all or since ``before``.

        Right to within what sampling allows, modulo 2^32 samples.
        """
        old = before.stalls if before is not None else (0,) * len(self.stalls)
        turn = packets.stall_turn(len(self.stalls))
        pairs = zip(self.stalls, old, strict=True)
        return tuple((new - then) % (1 << 32) * turn for new, then in pairs)


@dataclass(frozen=True, eq=False)
class Result:
    """A board's answer to a frame.

    Attributes
    ----------
    sums : int32 array (classes,)
    cycles : int
        Clock cycles from the frame's first pixel byte to its last class sum.
    refused : bool
        The class sums mean nothing: the frame was coded and malformed, came during an update, or
        was one of contents that the board did not take.
    """

    sums: np.ndarray
    cycles: int
    refused: bool = False

    def encode(self, network: bytes) -> list[bytes]:
        """The payloads of a frame's ``RESULT`` packets."""
        head = packets.RESULT.encode(
            cycles=self.cycles, network=int.from_bytes(network[:NETWORK_BYTES], "little")
        )
        sums = self.sums.astype("<i4").tobytes()
        size = 4 * SUMS
        return [head + sums[start : start + size] for start in range(0, len(sums), size)]


@dataclass(frozen=True, eq=False)
class Part:
    """What one ``RESULT`` packet of a frame says.

    Attributes
    ----------
    cycles : int
        Of the whole frame.
    network : bytes
        The first bytes of the digest of the network that the board held.
    sums : int32 array (up to SUMS,)
    """

    cycles: int
    network: bytes
    sums: np.ndarray

    @staticmethod
    def decode(payload: bytes, index: int, classes: int) -> Part:
        """Read the payload of a ``RESULT``.

        Parameters
        ----------
        payload : bytes
        index : int
            Of the packet: it has the class sums from ``index * SUMS`` on.
        classes : int
            Class sums of the whole frame.

        Raises
        ------
        ProtocolError
            If it is not as long as it should be.
        """
        count = min(SUMS, classes - SUMS * index)
        if count < 1 or len(payload) != packets.RESULT.size + 4 * count:
            raise ProtocolError(f"part {index} of a result came with {len(payload)} bytes")
        cycles, network = packets.RESULT.unpack(payload)
        sums = np.frombuffer(payload, dtype="<i4", offset=packets.RESULT.size)
        return Part(cycles, network.to_bytes(NETWORK_BYTES, "little"), sums.astype(np.int32))
