"""Payloads of streams as plain integers, and back."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Packing:
    """How a payload is made of equal lanes, lane 0 in the least significant bits."""

    lanes: int
    width: int
    signed: bool

    def pack(self, values: Sequence[int]) -> list[int]:
        """The transfers that carry ``values``, which are in stream order."""
        if len(values) % self.lanes:
            raise ValueError(f"{len(values)} values do not fill transfers of {self.lanes} lanes")
        low = -(1 << (self.width - 1)) if self.signed else 0
        high = low + (1 << self.width)
        for value in values:
            if not low <= value < high:
                raise ValueError(f"value {value} does not fit a lane of {self}")
        transfers = []
        for start in range(0, len(values), self.lanes):
            word = 0
            for value in reversed(values[start : start + self.lanes]):
                word = word << self.width | value % (1 << self.width)
            transfers.append(word)
        return transfers

    def unpack(self, word: int) -> list[int]:
        """The lanes of one transfer."""
        values = []
        for _ in range(self.lanes):
            value = word % (1 << self.width)
            negative = self.signed and value >> (self.width - 1)
            values.append(value - (1 << self.width) if negative else value)
            word >>= self.width
        return values

    def to_json(self) -> dict:
        """As a dictionary that JSON can hold."""
        return asdict(self)
