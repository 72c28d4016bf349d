"""Which memories a board has for a network's contents, and what each is to hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from protocol.contents.image import Image
from protocol.contents.rows import MULTIPLIER_BITS, scale_rows, stored_codes, weight_rows

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
    """

    layer: str
    pe: int
    simd: int
    lanes: int
    bits: int
    decoded: bool
    bias_bits: int

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

    def images(self, layer: Callable[[str], Contents]) -> list[Image]:
        """What each memory is to hold.

        Parameters
        ----------
        layer : callable
            Gives a convolution by its name.
        """
        return [image for conv in self.convs for image in conv.images(layer(conv.layer))]

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
            return Layout(bytes.fromhex(entry["structure"]), made)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no layout of contents: {error}") from None


def differing(wanted: Sequence[Image], checks: Sequence[int]) -> list[int]:
    """Numbers of the memories that do not hold what they should, by their checks."""
    return [
        number
        for number, (image, check) in enumerate(zip(wanted, checks, strict=True))
        if image.check != check
    ]
