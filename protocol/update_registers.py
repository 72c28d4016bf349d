"""The registers that cores have whose contents can be updated: weights come through AXI4-Lite.

A frame of contents (:mod:`protocol.contents.blocks`) is a transfer: its length is written, then its
bytes, and then there is a result.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from protocol.contents.blocks import BEGIN_DATA, Status
from protocol.messages import MOST_MEMORIES
from protocol.register_kinds import Access, Field, Register, whole

MOST_BYTES = (1 << 16) - 1
"""Of a transfer."""
STRUCTURE_BYTES = BEGIN_DATA.size


class UpdateState(IntEnum):
    """Whose contents a core holds."""

    OWN = 0
    """Those that it was generated with."""
    UPDATING = 1
    """Some of both; no frame begins."""
    UPDATED = 2
    """Those of another network."""


@dataclass(frozen=True)
class UpdateInfo:
    """What a core says of its updates.

    Attributes
    ----------
    structure : bytes
        8 bytes that name all that updates leave as it is.
    memories : int
        Whose contents can be updated.
    keyed : bool
        It takes contents only under a key.

    Raises
    ------
    ValueError
        If the number is out of range, or the structure has another length.
    """

    structure: bytes
    memories: int
    keyed: bool

    def __post_init__(self) -> None:
        if not 1 <= self.memories <= MOST_MEMORIES:
            raise ValueError(f"memories must be 1 to {MOST_MEMORIES}, not {self.memories}")
        if len(self.structure) != STRUCTURE_BYTES:
            raise ValueError(f"a structure has {STRUCTURE_BYTES} bytes, not {len(self.structure)}")

    @property
    def constants(self) -> dict[tuple[str, str], int]:
        """Values of fields that never change, by the names of register and field."""
        return {
            ("STRUCTURE_LOW", "STRUCTURE"): int.from_bytes(self.structure[:4], "little"),
            ("STRUCTURE_HIGH", "STRUCTURE"): int.from_bytes(self.structure[4:], "little"),
            ("UPDATE_FORM", "MEMORIES"): self.memories,
            ("UPDATE_FORM", "KEYED"): int(self.keyed),
        }


_READ = Access.READ
_STATUSES = ", ".join(f"{status.value} {status.name}" for status in Status)
UPDATE_REGISTERS = (
    Register(
        "STRUCTURE_LOW",
        0x80,
        "Names what updates leave as it is",
        (whole("STRUCTURE", "Bytes 0 to 3"),),
    ),
    Register(
        "STRUCTURE_HIGH",
        0x84,
        "Names what updates leave as it is",
        (whole("STRUCTURE", "Bytes 4 to 7"),),
    ),
    Register(
        "UPDATE_FORM",
        0x88,
        "Who may update what",
        (
            Field("MEMORIES", 0, 16, _READ, "Whose contents can be updated"),
            Field("KEYED", 16, 1, _READ, "Blocks need a tag made with the core's key"),
        ),
    ),
    Register(
        "UPDATE_COUNTER",
        0x8C,
        "Which update it was",
        (whole("COUNTER", "Of the last update that began; the next one's must be greater"),),
    ),
    Register(
        "UPDATE_STATUS",
        0x90,
        "How updates stand",
        (
            Field(
                "STATE",
                0,
                2,
                _READ,
                "0 the contents are those of the build, 1 an update has begun and no frame of "
                "pixels begins, 2 the contents are another network's",
            ),
            Field("BUSY", 2, 1, _READ, "A transfer has begun and is not answered"),
            Field("READY", 3, 1, _READ, "All frames before it are answered; UPDATE_DATA is taken"),
            Field("LEFT", 16, 16, _READ, "Bytes of the transfer that have not been taken"),
        ),
    ),
    Register(
        "UPDATE_RESULT",
        0x94,
        "What became of the last transfer",
        (
            Field("STATUS", 0, 4, _READ, _STATUSES),
            Field("DONE", 31, 1, _READ, "It is answered; 0 from the next one's beginning on"),
        ),
    ),
    Register(
        "UPDATE_LENGTH",
        0x98,
        "Begins a transfer",
        (
            Field(
                "BYTES",
                0,
                16,
                Access.PUSH,
                "Forget a transfer that is not answered, and begin one of so many bytes, or none",
            ),
        ),
    ),
    Register(
        "UPDATE_DATA",
        0x9C,
        "Takes a transfer",
        (
            whole(
                "BYTES",
                "Its next 4 bytes, the first one lowest; the last word's spare ones count for "
                "nothing. Lost while READY is 0",
                Access.PUSH,
            ),
        ),
    ),
    Register(
        "CHECK_INDEX",
        0xA0,
        "Which memory CHECK_LOW and CHECK_HIGH are of",
        (Field("INDEX", 0, 16, Access.WRITE, "Of a memory, from 0"),),
    ),
    Register(
        "CHECK_LOW",
        0xA4,
        "What that memory holds",
        (whole("CHECK", "Bits 31 to 0 of its CRC-64/XZ; all 0 while it is written"),),
    ),
    Register(
        "CHECK_HIGH",
        0xA8,
        "What that memory holds",
        (whole("CHECK", "Bits 63 to 32 of its CRC-64/XZ"),),
    ),
)
"""By address, behind those that all cores have."""
