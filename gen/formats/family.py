"""The SqueezeNet paper's family of networks, from its metaparameters.

F. N. Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model
size", arXiv:1602.07360. Section 5.1 has the metaparameters, section 6 the bypasses, table 1 the
layers around the Fire modules: those of SqueezeNet v1.0, but that ``conv10`` does not pad, as in
the table (the authors' Caffe model pads by a pixel).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np

from gen.common.errors import FirebrickError
from gen.formats.random_weights import blank, with_random_weights
from gen.ir.graph import FloatGraph
from gen.ir.ops import INPUT, Concat, FloatAdd, FloatConv, FloatOp, GlobalSum, MaxPool

FIRES = range(2, 10)
"""Numbers of the Fire modules, as their names have them."""
FIRST_CHANNELS = 96
POOL_BEHIND = (4, 8)
"""Fire modules with a pool behind them; the first pool is behind conv1."""
BYPASSES = ("none", "simple", "complex")
SMALLEST, LARGEST = 29, 4096
"""Sides of the input: smaller ones leave the last pool less than a window."""
MOST_CHANNELS = 65536
MOST_PARAMETERS = 1 << 28
"""Far beyond every chip, yet a gibibyte of floats only."""
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Family:
    """A member of the family; the defaults are SqueezeNet's own.

    Fire module ``i``, counted from 0, expands to ``e = base_e + incr_e * floor(i / freq)``
    channels, ``pct_3x3 * e`` of them by its 3x3 and the rest by its 1x1 convolution, and squeezes
    to ``sr * e``. The paper has no rule for fractions: here both products are rounded to the
    nearest integer, halves up, and none may be 0.

    Attributes
    ----------
    base_e, incr_e : int
    pct_3x3, sr : float
        Above 0, at most 1.
    freq : int
    bypass : "none", "simple" or "complex"
        Simple ones add a module's input to its output, wherever both have as many channels: with
        the paper's numbers around fire3, 5, 7 and 9. Complex ones also put a 1x1 convolution
        without a ReLU on the way around each of the other modules.
    size : int
        Side of the square input.
    classes : int

    Raises
    ------
    FirebrickError
        If one is out of its range, some layer would have no channel, no module could have a simple
        bypass, or the network would be absurdly large.
    """

    base_e: int = 128
    incr_e: int = 128
    pct_3x3: float = 0.5
    freq: int = 2
    sr: float = 0.125
    bypass: str = "none"
    size: int = 224
    classes: int = 1000

    def __post_init__(self) -> None:
        for key, check in _CHECKS.items():
            value = getattr(self, key)
            if not check.holds(value):
                raise FirebrickError(_refusal(key, value))
        for fire in self._fires():
            for what, channels, keys in (
                ("squeeze1x1", fire.squeeze, f"sr={self.sr}"),
                ("expand3x3", fire.three, f"pct_3x3={self.pct_3x3}"),
                ("expand1x1", fire.one, f"pct_3x3={self.pct_3x3}"),
            ):
                if channels < 1:
                    raise FirebrickError(
                        f"--family {keys}: leaves {fire.name}_{what} no channel of {fire.expand}; "
                        f"each layer needs 1, choose another {keys.partition('=')[0]} or a larger "
                        "base_e"
                    )
        if self.bypass == "simple" and not any(fire.keeps for fire in self._fires()):
            raise FirebrickError(
                "--family bypass=simple: no Fire module has as many channels behind it as before "
                f"it with freq={self.freq}; choose freq=2 or more, or bypass=complex"
            )
        if self.parameters > MOST_PARAMETERS:
            raise FirebrickError(
                f"--family base_e={self.base_e}, incr_e={self.incr_e}, classes={self.classes}: "
                f"{self.parameters} parameters; {MOST_PARAMETERS} are allowed"
            )

    @staticmethod
    def parse(text: str) -> Family:
        """A member from text like ``sr=0.5,bypass=simple``; what is not named has its default.

        Raises
        ------
        FirebrickError
            If a key is unknown or comes twice, or a value is none that the key may have.
        """
        values: dict[str, int | float | str] = {}
        for item in text.split(","):
            key, equals, value = (part.strip() for part in item.partition("="))
            if not equals:
                raise FirebrickError(
                    f"--family {item!r}: write KEY=VALUE, several with commas; {_known()}"
                )
            if key not in _CHECKS:
                raise FirebrickError(f"--family {item.strip()}: no key {key!r}; {_known()}")
            if key in values:
                raise FirebrickError(
                    f"--family {item.strip()}: {key} is given twice; leave one out"
                )
            values[key] = _value(key, value)
        return Family(**values)  # type: ignore[arg-type]  # each is of its field's type

    @property
    def name(self) -> str:
        """``squeezenet``, with what differs from it."""
        given = [
            f"{field.name}={getattr(self, field.name)}"
            for field in fields(self)
            if getattr(self, field.name) != field.default
        ]
        return f"squeezenet({','.join(given)})" if given else "squeezenet"

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return sum(op.weights.size + op.bias.size for op in self._convs())

    @property
    def macs(self) -> int:
        """Multiply-accumulates a frame."""
        shapes = self._outline().shapes()
        return sum(
            shapes[op.name][0] * shapes[op.name][1] * op.weights.size for op in self._convs()
        )

    @property
    def float_bytes(self) -> int:
        """Bytes of all parameters as 32-bit floats."""
        return FLOAT_BYTES * self.parameters

    def graph(self, weights: Path | None = None, seed: int = 0) -> FloatGraph:
        """The network itself.

        Parameters
        ----------
        weights : Path or None
            An ``.npz`` of arrays ``LAYER.weights`` (Cout, K, K, Cin) and ``LAYER.bias``. None
            draws weights at random, after He et al., so that activations are about as large
            everywhere.
        seed : int
            Of what is drawn.

        Raises
        ------
        FirebrickError
            If the file cannot be read, lacks an array, or has one too many, of another shape, or
            with anything but finite numbers.
        """
        outline = self._outline()
        if weights is None:
            return with_random_weights(outline, seed)
        filled = _read(outline, weights)
        return replace(outline, ops=tuple(filled.get(op.name, op) for op in outline.ops))

    def _convs(self) -> tuple[FloatConv, ...]:
        return self._outline().convs

    def _fires(self) -> Iterator[_Fire]:
        channels = FIRST_CHANNELS
        for index, number in enumerate(FIRES):
            expand = self.base_e + self.incr_e * (index // self.freq)
            yield _Fire(
                number, channels, expand, _part(self.sr, expand), _part(self.pct_3x3, expand)
            )
            channels = expand

    def _outline(self) -> FloatGraph:
        """The network with zeros, which take no memory, for weights."""
        ops: list[FloatOp] = [blank("conv1", INPUT, (FIRST_CHANNELS, 7, 7, 3), stride=2)]
        ops.append(_pool(1, "conv1"))
        channels = FIRST_CHANNELS
        for fire in self._fires():
            ops += fire.ops(ops[-1].name, self.bypass)
            if fire.number in POOL_BEHIND:
                ops.append(_pool(fire.number, ops[-1].name))
            channels = fire.expand
        ops.append(blank("conv10", ops[-1].name, (self.classes, 1, 1, channels)))
        ops.append(GlobalSum("pool10", ("conv10",)))
        return FloatGraph(self.name, (self.size, self.size, 3), tuple(ops))


@dataclass(frozen=True)
class _Fire:
    """A Fire module: its number and its channels."""

    number: int
    before: int
    expand: int
    squeeze: int
    three: int

    @property
    def name(self) -> str:
        return f"fire{self.number}"

    @property
    def one(self) -> int:
        return self.expand - self.three

    @property
    def keeps(self) -> bool:
        """As many channels go out as come in."""
        return self.before == self.expand

    def ops(self, x: str, bypass: str) -> Iterator[FloatOp]:
        squeeze, joined = f"{self.name}_squeeze1x1", f"{self.name}_concat"
        branches = (f"{self.name}_expand1x1", f"{self.name}_expand3x3")
        yield blank(squeeze, x, (self.squeeze, 1, 1, self.before))
        yield blank(branches[0], squeeze, (self.one, 1, 1, self.squeeze))
        yield blank(branches[1], squeeze, (self.three, 3, 3, self.squeeze), pad=1)
        yield Concat(joined, branches)
        if bypass == "none" or (bypass == "simple" and not self.keeps):
            return
        if not self.keeps:
            around = blank(f"{self.name}_bypass1x1", x, (self.expand, 1, 1, self.before))
            yield replace(around, relu=False)
            x = around.name
        yield FloatAdd(f"{self.name}_add", (x, joined))


def _pool(number: int, x: str) -> MaxPool:
    return MaxPool(f"pool{number}", (x,), 3, 2, ceil=True)


def _part(part: float, channels: int) -> int:
    """That part of the channels, as it is written in decimal, rounded with halves up."""
    return floor(Fraction(str(part)) * channels + Fraction(1, 2))


@dataclass(frozen=True)
class _Check:
    """What a key may be: one of some words, or a number from ``low`` (or above it) to ``high``."""

    allowed: str
    kind: type = int
    low: float = 1
    high: float = float("inf")
    words: tuple[str, ...] = ()

    def holds(self, value: object) -> bool:
        if self.words:
            return value in self.words
        if self.kind is float:
            return isinstance(value, int | float) and self.low < value <= self.high
        return isinstance(value, int) and self.low <= value <= self.high


_CHECKS = {
    "base_e": _Check(f"a whole number from 1 to {MOST_CHANNELS}", high=MOST_CHANNELS),
    "incr_e": _Check(f"a whole number from 0 to {MOST_CHANNELS}", low=0, high=MOST_CHANNELS),
    "pct_3x3": _Check("a number above 0, at most 1", float, 0, 1),
    "freq": _Check("a whole number from 1 up"),
    "sr": _Check("a number above 0, at most 1", float, 0, 1),
    "bypass": _Check(", ".join(BYPASSES[:-1]) + f" or {BYPASSES[-1]}", str, words=BYPASSES),
    "size": _Check(f"a whole number from {SMALLEST} to {LARGEST}", low=SMALLEST, high=LARGEST),
    "classes": _Check(f"a whole number from 1 to {MOST_CHANNELS}", high=MOST_CHANNELS),
}


def _known() -> str:
    return f"keys are {', '.join(_CHECKS)}"


def _refusal(key: str, value: object) -> str:
    return f"--family {key}={value}: {key} takes {_CHECKS[key].allowed}"


def _value(key: str, text: str) -> int | float | str:
    try:
        return _CHECKS[key].kind(text)
    except ValueError:
        raise FirebrickError(_refusal(key, text)) from None


def _read(outline: FloatGraph, path: Path) -> dict[str, FloatConv]:
    """All convolutions with a file's weights."""
    layers = {op.name: op for op in outline.convs}
    arrays = _arrays(path)
    names = {f"{name}.{what}" for name in layers for what in ("weights", "bias")}
    for name in sorted(names ^ arrays.keys()):
        wrong = "is missing" if name in names else f"is of no layer of {outline.name}"
        raise FirebrickError(
            f"{path}: array {name!r} {wrong}; it needs LAYER.weights and LAYER.bias for each of "
            f"{', '.join(layers)}"
        )
    filled = {}
    for name, op in layers.items():
        weights = _array(path, f"{name}.weights", arrays, op.weights.shape)
        bias = _array(path, f"{name}.bias", arrays, op.bias.shape)
        filled[name] = replace(op, weights=weights, bias=bias)
    return filled


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return dict(file.items())
    except OSError as error:
        raise FirebrickError(f"{path}: cannot read weights ({error.strerror or error})") from None
    except Exception as error:  # a damaged file can fail in any of the readers
        raise FirebrickError(
            f"{path}: no .npz file of weights ({type(error).__name__}); write it with numpy.savez"
        ) from None


def _array(
    path: Path, name: str, arrays: dict[str, np.ndarray], shape: tuple[int, ...]
) -> np.ndarray:
    array = arrays[name]
    if array.shape != shape:
        raise FirebrickError(f"{path}: array {name!r} has shape {array.shape}, not {shape}")
    if array.dtype.kind not in "fiu":
        raise FirebrickError(f"{path}: array {name!r} is of {array.dtype}, not of real numbers")
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(array, np.float32)
    if not np.isfinite(array).all():
        raise FirebrickError(f"{path}: array {name!r} holds something other than finite numbers")
    return array
