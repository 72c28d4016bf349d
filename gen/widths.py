"""How many bits each layer's weights get, as users ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from gen.errors import FirebrickError
from gen.graph import FloatConv, FloatGraph
from gen.network import INPUT

NARROWEST, WIDEST = 2, 8
FIRST_BITS = 8
"""Width of layers that read pixels where all layers are asked to be narrow."""
FIRST_BELOW = 6
"""How narrow that is: these few weights would then cost the most accuracy."""


@dataclass(frozen=True)
class Widths:
    """Bits a weight for all layers, and for some of their own.

    Attributes
    ----------
    all : int or None
        None leaves it open.
    layers : mapping
        By name; or by the beginning or end of a name, or with ``*`` for anything.
    """

    all: int | None = None
    layers: Mapping[str, int] = field(default_factory=dict)

    @staticmethod
    def parse(text: str) -> Widths:
        """Widths from text like ``4`` or ``4,conv1=8,*expand3x3=3``.

        Raises
        ------
        FirebrickError
            If the text says something else.
        """
        everywhere: int | None = None
        layers: dict[str, int] = {}
        for index, part in enumerate(text.split(",")):
            name, equals, bits = (word.strip() for word in part.rpartition("="))
            if not equals and index == 0:
                everywhere = _bits(bits, text)
            elif equals and name and name not in layers:
                layers[name] = _bits(bits, text)
            else:
                raise _unclear(text)
        return Widths(everywhere, layers)

    def of(self, graph: FloatGraph) -> dict[str, int]:
        """Bits of each convolution of ``graph``, by name; where nothing is said, :data:`WIDEST`.

        Layers that read pixels get :data:`FIRST_BITS` where all are asked to have fewer than
        :data:`FIRST_BELOW`, unless they are named themselves.

        Raises
        ------
        FirebrickError
            If a name is of no layer or of several.
        """
        convs = [op for op in graph.ops if isinstance(op, FloatConv)]
        bits = {op.name: WIDEST if self.all is None else self.all for op in convs}
        for op in convs:
            if INPUT in op.inputs and bits[op.name] < FIRST_BELOW:
                bits[op.name] = FIRST_BITS
        return bits | self.named(graph)

    def named(self, graph: FloatGraph) -> dict[str, int]:
        """Bits of those convolutions that have a width of their own; whole names come first.

        Raises
        ------
        FirebrickError
            If a name is of no layer or of several.
        """
        names = [op.name for op in graph.ops if isinstance(op, FloatConv)]
        found: dict[str, int] = {}
        for pattern, bits in sorted(self.layers.items(), key=lambda item: "*" not in item[0]):
            found |= dict.fromkeys(_matches(pattern, names), bits)
        return found


def describe(bits: Mapping[str, int]) -> str:
    """Widths in words: the commonest one, then the layers that differ."""
    values = list(bits.values())
    common = max(sorted(set(values)), key=values.count)
    others = [f"{name} {width}" for name, width in bits.items() if width != common]
    return ", ".join([f"{common} bits", *others])


def _bits(text: str, whole: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise _unclear(whole)
    bits = int(text)
    if not NARROWEST <= bits <= WIDEST:
        raise FirebrickError(
            f"--weight-bits {whole}: {bits} bits; {NARROWEST} to {WIDEST} are supported"
        )
    return bits


def _unclear(text: str) -> FirebrickError:
    return FirebrickError(
        f"--weight-bits {text!r}: not understood; write bits for all layers, then for some layers "
        "bits of their own, like 4 or 4,conv1=8,conv10=3"
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
