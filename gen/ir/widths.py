"""How many bits each layer's weights get, and which get codebooks, as users ask for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from gen.common.errors import FirebrickError
from gen.ir.graph import FloatGraph
from gen.ir.ops import INPUT

NARROWEST, WIDEST = 2, 8
FIRST_BITS = 8
"""Width of layers that read pixels where all layers are asked to be narrow."""
FIRST_BELOW = 6
"""How narrow that is: these few weights would then cost the most accuracy."""
LEVEL_BITS = 5
"""Width of a codebook's levels unless it is given."""

_WIDTH = re.compile(r"(\d+)(c\d*)?", re.ASCII)


@dataclass(frozen=True)
class Width:
    """What is stored of each of a layer's weights.

    Attributes
    ----------
    bits : int
        Of a weight, or of a code.
    levels : int or None
        Bits of the levels that codes stand for; None without a codebook.
    """

    bits: int
    levels: int | None = None

    @staticmethod
    def of(bits: int | Width) -> Width:
        """A width as it is, or so many bits without a codebook."""
        return bits if isinstance(bits, Width) else Width(bits)

    @property
    def operand(self) -> int:
        """Bits that a multiplier takes."""
        return self.bits if self.levels is None else self.levels

    def __str__(self) -> str:
        return str(self.bits) if self.levels is None else f"{self.bits}c{self.levels}"


@dataclass(frozen=True)
class Widths:
    """Widths of all layers' weights, and of some of their own.

    Attributes
    ----------
    all : Width or None
        None leaves it open.
    layers : mapping
        By name; or by the beginning or end of a name, or with ``*`` for anything.
    """

    all: Width | None = None
    layers: Mapping[str, Width] = field(default_factory=dict)

    @staticmethod
    def parse(text: str) -> Widths:
        """Widths from text like ``4`` or ``4,conv1=8,*expand3x3=3c``.

        ``3c`` means codes of 3 bits for learnt levels of :data:`LEVEL_BITS`, ``3c4`` of 4 bits.

        Raises
        ------
        FirebrickError
            If the text says something else, or a width that is not supported.
        """
        everywhere: Width | None = None
        layers: dict[str, Width] = {}
        for index, part in enumerate(text.split(",")):
            name, equals, bits = (word.strip() for word in part.rpartition("="))
            if not equals and index == 0:
                everywhere = _width(bits, text)
            elif equals and name and name not in layers:
                layers[name] = _width(bits, text)
            else:
                raise _unclear(text)
        return Widths(everywhere, layers)

    def of(self, graph: FloatGraph) -> dict[str, Width]:
        """Width of each convolution of ``graph``, by name; where nothing is said, :data:`WIDEST`.

        Layers that read pixels get :data:`FIRST_BITS` where all are asked to have fewer than
        :data:`FIRST_BELOW`, unless they are named themselves.

        Raises
        ------
        FirebrickError
            If a name is of no layer or of several.
        """
        everywhere = self.all or Width(WIDEST)
        convs = graph.convs
        widths = {op.name: width_for_all(everywhere, INPUT in op.inputs) for op in convs}
        return widths | self.named(graph)

    def named(self, graph: FloatGraph) -> dict[str, Width]:
        """Widths of those convolutions that have a width of their own; whole names come first.

        Raises
        ------
        FirebrickError
            If a name is of no layer or of several.
        """
        names = [op.name for op in graph.convs]
        found: dict[str, Width] = {}
        for pattern, width in sorted(self.layers.items(), key=lambda item: "*" not in item[0]):
            found |= dict.fromkeys(_matches(pattern, names), width)
        return found


def width_for_all(width: Width, reads_pixels: bool) -> Width:
    """What one layer gets where all are asked to have ``width``."""
    return Width(FIRST_BITS) if reads_pixels and width.bits < FIRST_BELOW else width


def describe(widths: Mapping[str, Width]) -> str:
    """Widths in words: the commonest one, then the layers that differ."""
    values = [str(width) for width in widths.values()]
    common = max(sorted(set(values)), key=values.count)
    others = [f"{name} {width}" for name, width in widths.items() if str(width) != common]
    return ", ".join([f"{common} bits", *others])


def check_width(width: Width, where: str) -> None:
    """Refuse widths that cannot be quantised to.

    Raises
    ------
    FirebrickError
        Beginning with ``where``.
    """
    if not NARROWEST <= width.bits <= WIDEST:
        raise FirebrickError(f"{where}: {width.bits} bits; {NARROWEST} to {WIDEST} are supported")
    if width.levels is not None and not width.bits < width.levels <= WIDEST:
        raise FirebrickError(
            f"{where}: codes of {width.bits} bits for levels of {width.levels}; "
            f"levels must have more bits than their codes, and at most {WIDEST}"
        )


def _width(text: str, whole: str) -> Width:
    match = _WIDTH.fullmatch(text)
    if match is None:
        raise _unclear(whole)
    bits, levels = int(match[1]), match[2]
    if levels is None:
        width = Width(bits)
    else:
        width = Width(bits, int(levels[1:]) if levels[1:] else max(LEVEL_BITS, bits + 1))
    check_width(width, f"--weight-bits {whole}")
    return width


def _unclear(text: str) -> FirebrickError:
    return FirebrickError(
        f"--weight-bits {text!r}: not understood; write bits for all layers, then for some layers "
        "bits of their own, like 4 or 4,conv1=8,conv10=3c (c: a codebook)"
    )


def _matches(pattern: str, names: list[str]) -> list[str]:
    if pattern in names:
        return [pattern]
    if "*" in pattern:
        found = [name for name in names if fnmatchcase(name, pattern)]
    else:
        found = [name for name in names if name.startswith(pattern) or name.endswith(pattern)]
        if len(found) > 1:
            raise FirebrickError(
                f"--weight-bits: {pattern!r} may be {', '.join(found)}; "
                "write the whole name, or a * for the rest to mean all of them"
            )
    if not found:
        raise FirebrickError(f"--weight-bits: no layer {pattern!r}; there are {', '.join(names)}")
    return found
