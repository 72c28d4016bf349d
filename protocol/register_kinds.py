"""What a register map is made of: registers of 32 bits, and their fields."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Access(StrEnum):
    """What may be done with a field."""

    READ = "ro"
    """Read it; it changes by itself or never."""
    WRITE = "rw"
    """Write it, and read what was written."""
    CLEAR = "rw1c"
    """Read it; writing 1 clears it."""
    TRIGGER = "wo1"
    """Writing 1 does something; it reads as 0."""
    PUSH = "wo"
    """Whatever is written is taken; it reads as 0."""


@dataclass(frozen=True)
class Field:
    """Bits of a register.

    Attributes
    ----------
    name : str
        In capitals.
    low : int
        The least significant bit.
    bits : int
    access : Access
    about : str
        A sentence without its full stop.
    """

    name: str
    low: int
    bits: int
    access: Access
    about: str

    @property
    def mask(self) -> int:
        """Its bits in the register."""
        return ((1 << self.bits) - 1) << self.low


@dataclass(frozen=True)
class Register:
    """32 bits at an address.

    Attributes
    ----------
    name : str
        In capitals.
    address : int
        Of its first byte, from where the core is.
    about : str
        A sentence without its full stop.
    fields : tuple of Field
        From the lowest on.
    """

    name: str
    address: int
    about: str
    fields: tuple[Field, ...]

    @property
    def writable(self) -> bool:
        """Whether a write does anything; an error otherwise."""
        return any(field.access is not Access.READ for field in self.fields)


def whole(name: str, about: str, access: Access = Access.READ) -> Field:
    """A field of all 32 bits.

    Parameters
    ----------
    name : str
    about : str
        What it holds, for people.
    access : Access
    """
    return Field(name, 0, 32, access, about)
