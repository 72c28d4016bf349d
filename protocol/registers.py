"""The registers of an IP core on AXI4-Lite. Gateware and all that describes it are made from these.

Registers have 32 bits. Bits that no field names read as 0, and what is written to them is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from protocol.packets import MAGIC, stall_turn
from protocol.register_kinds import Access, Field, Register, whole
from protocol.update_registers import UPDATE_REGISTERS, UpdateInfo

MAP_VERSION, UPDATABLE_MAP_VERSION = 1, 2
"""Of the registers; a higher one may have more of them. The second one has those of updates."""
ADDRESS_BITS = 12
"""Of a byte's address: the core takes 4 KiB, the least that address maps are commonly cut into."""
WORD_BYTES = 4
BEAT_BITS = (8, 24, 32)
"""Widths of the stream of pixels that there are."""
MOST_LAYERS = 4000


class FrameError(IntEnum):
    """What was wrong with a frame on the stream of pixels."""

    NONE = 0
    SHORT = 1
    """TLAST came before the frame's last pixel."""
    LONG = 2
    """The frame's last pixel came without TLAST."""
    RESTARTED = 3
    """TUSER, a frame's beginning, came before the last one had its last pixel."""


def _events(access: Access, prefix: str) -> tuple[Field, ...]:
    done = f"{prefix} all class sums of a frame have been taken from m_axis"
    error = f"{prefix} a frame was malformed; LAST_ERROR says how"
    return (
        Field("FRAME_DONE", 0, 1, access, done),
        Field("FRAME_ERROR", 1, 1, access, error),
    )


_READ = Access.READ
REGISTERS = (
    Register("MAGIC", 0x00, "That it is such a core", (whole("MAGIC", "The letters FBRK"),)),
    Register(
        "VERSION", 0x04, "Which registers there are", (Field("MAP", 0, 16, _READ, "Their version"),)
    ),
    Register(
        "INPUT_SIZE",
        0x08,
        "The size of a frame",
        (Field("HEIGHT", 0, 16, _READ, "Rows"), Field("WIDTH", 16, 16, _READ, "Pixels a row")),
    ),
    Register(
        "INPUT_FORM",
        0x0C,
        "What a frame is made of",
        (
            Field("CHANNELS", 0, 16, _READ, "Bytes a pixel"),
            Field("BEAT_BITS", 16, 8, _READ, "Width of s_axis_tdata"),
        ),
    ),
    Register("CLASSES", 0x10, "The answer", (Field("CLASSES", 0, 16, _READ, "Sums a frame"),)),
    Register(
        "LAYERS",
        0x14,
        "Whose stalls are counted",
        (
            Field("LAYERS", 0, 16, _READ, "Layers, in the order of report.txt"),
            Field("TURN", 16, 16, _READ, "Clock cycles from one look at a layer to the next"),
        ),
    ),
    Register("DIGEST_LOW", 0x18, "Names the network", (whole("DIGEST", "Bytes 0 to 3"),)),
    Register("DIGEST_HIGH", 0x1C, "Names the network", (whole("DIGEST", "Bytes 4 to 7"),)),
    Register("CLOCK", 0x20, "What it was planned for", (whole("HZ", "Of aclk, in Hz"),)),
    Register(
        "CONTROL",
        0x40,
        "Commands",
        (
            Field(
                "SOFT_RESET",
                0,
                1,
                Access.TRIGGER,
                "Forget all frames in the core, their counters and interrupts; the next beat of "
                "pixels begins a frame",
            ),
        ),
    ),
    Register("INTERRUPT_ENABLE", 0x44, "What raises irq", _events(Access.WRITE, "Raise irq when")),
    Register("INTERRUPT_STATUS", 0x48, "What has happened", _events(Access.CLEAR, "Set when")),
    Register(
        "ACCEPTED",
        0x60,
        "Frames taken to their end",
        (whole("COUNT", "Malformed ones too, modulo 2^32"),),
    ),
    Register(
        "ANSWERED",
        0x64,
        "Frames whose class sums have been taken",
        (whole("COUNT", "Malformed ones too, modulo 2^32"),),
    ),
    Register("MALFORMED", 0x68, "Frames not as they should be", (whole("COUNT", "Modulo 2^32"),)),
    Register(
        "LAST_ERROR",
        0x6C,
        "What was wrong with the last malformed frame",
        (
            Field(
                "KIND",
                0,
                2,
                _READ,
                "0 none yet, 1 TLAST too early, 2 no TLAST at the last pixel, 3 TUSER amid a frame",
            ),
        ),
    ),
    Register(
        "TOP1",
        0x70,
        "The answer to the last frame",
        (
            Field("CLASS", 0, 16, _READ, "The class with the largest sum, the first of several"),
            Field("MALFORMED", 31, 1, _READ, "That frame was malformed; the class means nothing"),
        ),
    ),
    Register(
        "STALL_INDEX",
        0x78,
        "Which layer STALL_COUNT is of",
        (Field("INDEX", 0, 16, Access.WRITE, "Of a layer, from 0"),),
    ),
    Register(
        "STALL_COUNT",
        0x7C,
        "How often that layer's output waited",
        (whole("SAMPLES", "Of those looked at, since configuration, modulo 2^32"),),
    ),
)
"""Those that all cores have, by address."""
BY_NAME = {register.name: register for register in (*REGISTERS, *UPDATE_REGISTERS)}
"""Those that there can be."""
_DIGEST = ("DIGEST_LOW", "DIGEST"), ("DIGEST_HIGH", "DIGEST")


@dataclass(frozen=True)
class CoreInfo:
    """What a core says of itself.

    Attributes
    ----------
    height, width, channels : int
        Of a frame, in bytes a channel.
    classes : int
    layers : int
        Whose stalls are counted.
    beat_bits : int
        Width of the stream of pixels, one of :data:`BEAT_BITS`.
    clock_hz : int
    digest : bytes
        8 bytes that name the network that it was generated with.
    updates : UpdateInfo or None
        Of a core whose contents can be updated.

    Raises
    ------
    ValueError
        If a number is out of range, or the digest has another length.
    """

    height: int
    width: int
    channels: int
    classes: int
    layers: int
    beat_bits: int
    clock_hz: int
    digest: bytes
    updates: UpdateInfo | None = None

    def __post_init__(self) -> None:
        for name in ("height", "width", "channels", "classes"):
            if not 1 <= getattr(self, name) < 1 << 16:
                raise ValueError(f"{name} must be 1 to 65535, not {getattr(self, name)}")
        if not 1 <= self.layers <= MOST_LAYERS:
            raise ValueError(f"layers must be 1 to {MOST_LAYERS}, not {self.layers}")
        if not 1 <= self.clock_hz < 1 << 32:
            raise ValueError(f"clock_hz must be 1 to {(1 << 32) - 1}, not {self.clock_hz}")
        if self.beat_bits not in BEAT_BITS:
            raise ValueError(f"beat_bits must be one of {BEAT_BITS}, not {self.beat_bits}")
        if len(self.digest) != 8:
            raise ValueError(f"a digest has 8 bytes, not {len(self.digest)}")

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame's pixels."""
        return self.height * self.width * self.channels

    @property
    def frame_beats(self) -> int:
        """Beats that carry a frame; the last one may have bytes to spare."""
        return -(-8 * self.frame_bytes // self.beat_bits)

    @property
    def registers(self) -> tuple[Register, ...]:
        """Those that it has, by address."""
        return REGISTERS if self.updates is None else (*REGISTERS, *UPDATE_REGISTERS)

    @property
    def constants(self) -> dict[tuple[str, str], int]:
        """Values of fields that never change, by the names of register and field."""
        found = {
            ("MAGIC", "MAGIC"): MAGIC,
            ("VERSION", "MAP"): MAP_VERSION,
            ("INPUT_SIZE", "HEIGHT"): self.height,
            ("INPUT_SIZE", "WIDTH"): self.width,
            ("INPUT_FORM", "CHANNELS"): self.channels,
            ("INPUT_FORM", "BEAT_BITS"): self.beat_bits,
            ("CLASSES", "CLASSES"): self.classes,
            ("LAYERS", "LAYERS"): self.layers,
            ("LAYERS", "TURN"): stall_turn(self.layers),
            **self._digest,
            ("CLOCK", "HZ"): self.clock_hz,
        }
        if self.updates is None:
            return found
        rest = {key: value for key, value in found.items() if key not in self._digest}
        return rest | {("VERSION", "MAP"): UPDATABLE_MAP_VERSION} | self.updates.constants

    @property
    def _digest(self) -> dict[tuple[str, str], int]:
        halves = self.digest[:4], self.digest[4:]
        values = (int.from_bytes(half, "little") for half in halves)
        return dict(zip(_DIGEST, values, strict=True))

    def reset_value(self, register: Register) -> int:
        """What a register reads as before anything has happened, checks of memories left out."""
        values = self._digest | self.constants
        return sum(values.get((register.name, f.name), 0) << f.low for f in register.fields)


def fields(registers: Iterable[Register] = REGISTERS) -> Iterator[tuple[Register, Field]]:
    """All fields of some registers, with these."""
    for register in registers:
        for field in register.fields:
            yield register, field
