"""Which memories a board has for a network's contents, and what each is to hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from protocol.contents.blocks import BEGIN_DATA
from protocol.contents.image import Image
from protocol.contents.rows import MULTIPLIER_BITS, scale_rows, stored_codes, weight_rows

STRUCTURE_BYTES = BEGIN_DATA.size
PARTS = ("weights", "scales")
"""The memories of a convolution, in the order of their numbers."""


class Contents(Protocol):
    """What can be replaced of a convolution."""

    @property
    def name(self) -> str:
        """Of the layer."""

    @property
    def weights(self) -> np.ndarray:
        """int8 array (Cout, KH, KW, Cin / groups)."""

    @property
    def codebook(self) -> np.ndarray | None:
        """int8 array of levels, if codes of them are stored."""

    @property
    def bias(self) -> np.ndarray:
        """int32 array (Cout,)."""

    @property
    def multiplier(self) -> np.ndarray:
        """uint16 array (Cout,)."""


@dataclass(frozen=True)
class ConvLayout:
    """How an engine's two memories hold the contents of a convolution.

    Attributes
    ----------
    layer : str
    pe, simd : int
        Rows and columns of weights that are read at once. Depthwise, ``simd`` is 1.
    lanes : int
        Channels that are requantised at once.
    bits : int
        Of a stored weight, or of its code.
    decoded : bool
        Codes of a codebook are stored.
    bias_bits : int

    Raises
    ------
    ValueError
        If something is of another type, or a number is not positive.
    """

    layer: str
    pe: int
    simd: int
    lanes: int
    bits: int
    decoded: bool
    bias_bits: int

    def __post_init__(self) -> None:
        counts = {
            name: getattr(self, name) for name in ("pe", "simd", "lanes", "bits", "bias_bits")
        }
        if not isinstance(self.layer, str) or not isinstance(self.decoded, bool):
            raise ValueError(f"{self.layer!r} is no layer, or it is not said whether it has codes")
        for name, count in counts.items():
            if type(count) is not int or count < 1:
                raise ValueError(f"{self.layer}: {name} is {count!r}")

    def images(self, contents: Contents) -> tuple[Image, Image]:
        """What the memories hold, as :data:`PARTS` has them."""
        weights = contents.weights
        spare = -weights.shape[3] % self.simd
        rows = np.pad(weights, ((0, 0), (0, 0), (0, 0), (0, spare))).reshape(len(weights), -1)
        codebook = contents.codebook if self.decoded else None
        codes = stored_codes(rows.astype(np.int64), codebook)
        scales = scale_rows(contents.bias, contents.multiplier, self.lanes, self.bias_bits)
        return (
            Image.of(
                weight_rows(codes, self.pe, self.simd, self.bits), self.pe * self.simd * self.bits
            ),
            Image.of(scales, self.lanes * (MULTIPLIER_BITS + self.bias_bits)),
        )


@dataclass(frozen=True)
class Layout:
    """All memories of a board that hold contents: two for each convolution, numbered in order.

    Attributes
    ----------
    structure : bytes
        8 bytes that name the structure of the networks that it is for.
    convs : tuple of ConvLayout
    """

    structure: bytes
    convs: tuple[ConvLayout, ...]

    @property
    def memories(self) -> tuple[tuple[str, str], ...]:
        """Layer, and one of :data:`PARTS`, of each memory."""
        return tuple((conv.layer, part) for conv in self.convs for part in PARTS)

    def images(self, contents: Iterable[Contents]) -> list[Image]:
        """What each memory is to hold of a network's convolutions, which are of the structure.

        Raises
        ------
        KeyError
            If a convolution is missing.
        """
        by_name = {conv.name: conv for conv in contents}
        return [image for conv in self.convs for image in conv.images(by_name[conv.layer])]

    @property
    def digest(self) -> bytes:
        """First 8 bytes of the SHA-256 of all of it: a board's structure, as ``INFO`` has it.

        Boards of one network may be planned otherwise, and then hold it in other memories.
        """
        return hashlib.sha256(self.to_json().encode()).digest()[:STRUCTURE_BYTES]

    def to_json(self) -> str:
        """For a file."""
        entry = {"structure": self.structure.hex(), "convs": [asdict(conv) for conv in self.convs]}
        return json.dumps(entry, indent=1) + "\n"

    @staticmethod
    def from_json(text: str | bytes) -> Layout:
        """What :meth:`to_json` gave.

        Raises
        ------
        ValueError
            If it is something else.
        """
        try:
            entry: dict[str, Any] = json.loads(text)
            convs: Iterable[dict[str, Any]] = entry["convs"]
            made = tuple(ConvLayout(**conv) for conv in convs)
            structure = bytes.fromhex(entry["structure"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no layout of contents: {error}") from None
        if len(structure) != STRUCTURE_BYTES:
            raise ValueError(f"a structure has {STRUCTURE_BYTES} bytes, not {len(structure)}")
        return Layout(structure, made)


def differing(wanted: Sequence[Image], checks: Sequence[int]) -> list[int]:
    """Numbers of the memories that do not hold what they should, by their checks."""
    return [
        number
        for number, (image, check) in enumerate(zip(wanted, checks, strict=True))
        if image.check != check
    ]
