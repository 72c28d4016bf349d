"""Sums of products without multipliers: digits of a weight select multiples of an activation."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate, pairwise, product
from operator import or_

from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value, signed

from hw.arith.adder_tree import adder_tree
from hw.arith.registers import later

CHAIN = 4
"""Most columns of a chain of adders: operands wait for their turn in flip-flops."""


def digits(bits: int) -> list[tuple[int, int]]:
    """(start, width) of a weight's digits of two bits, lowest first; the last one has a sign."""
    return [(start, min(2, bits - start)) for start in range(0, bits, 2)]


def digit_values(weight: int, bits: int) -> list[int]:
    """What a weight's digits are worth, lowest first: the last one is negative in half its codes.

    The sum of ``value << start``, with the starts of :func:`digits`, is the weight.
    """
    values = [weight >> start & (1 << width) - 1 for start, width in digits(bits)[:-1]]
    return [*values, weight >> digits(bits)[-1][0]]


def chains(simd: int) -> list[range]:
    """Columns that go through one chain of adders: at most CHAIN, and evenly shared."""
    count = -(-simd // CHAIN)
    bounds = [simd * number // count for number in range(count + 1)]
    return [range(a, b) for a, b in pairwise(bounds)]


def chain_cycles(bits: int, simd: int) -> int:
    """Cycles that the chains of so many columns take: a register a digit of the longest one."""
    return max(len(part) for part in chains(simd)) * len(digits(bits))


def chain_model(weights: Sequence[int], x: Sequence[int], bits: int) -> list[int]:
    """The sum so far after each step of a chain: all columns' lowest digits come first.

    Parameters
    ----------
    weights : sequence of int
        Of the chain's columns.
    x : sequence of int
        Activations, one a weight.
    bits : int
        Of a weight.

    Returns
    -------
    list of int
        A sum for each digit of each column; the last one is the sum of the products.
    """
    values = [digit_values(weight, bits) for weight in weights]
    terms = [
        values[column][number] * value << start
        for number, (start, _) in enumerate(digits(bits))
        for column, value in enumerate(x)
    ]
    return list(accumulate(terms))


def chain_widths(cuts: list[tuple[int, int]], columns: int, shape: Shape) -> list[int]:
    """Bits of the sum so far after each step of a chain, whatever the operands.

    Parameters
    ----------
    cuts : list of tuple of int
        As :func:`digits` gives them.
    columns : int
        Of the chain.
    shape : Shape
        Of an activation, ``unsigned(8)`` or ``signed(8)``.

    Returns
    -------
    list of int
        Of sums in two's complement, one for each digit of each column.
    """
    smallest, largest = (-128, 127) if shape.signed else (0, 255)
    found, low, high = [], 0, 0
    for start, width in cuts:
        top = (start, width) == cuts[-1]
        digit = range(-(1 << width - 1), 1 << width - 1) if top else range(1 << width)
        reach = [a * b << start for a in (digit[0], digit[-1]) for b in (smallest, largest)]
        for _ in range(columns):
            low, high = low + min(reach), high + max(reach)
            found.append(Shape.cast(range(min(low, -1), high + 1)).width)
    return found


def digit_totals(m: Module, weights: Value, bits: int, x: list[Value]) -> list[Signal]:
    """Sums of each row's products, without multipliers.

    A digit of two bits of a weight selects one of four multiples of its activation, which all rows
    share. To select a bit and to add it to the sum so far fits one LUT, so the digits of a row go
    through a chain of adders, the low digits first; a register follows each.

    Parameters
    ----------
    m : Module
    weights : Value
        Row r's signed weight for activation s at bit ``(r * len(x) + s) * bits``; a cycle later
        than the activations, whose multiples come first.
    bits : int
        Of a weight.
    x : list of Value
        Activations.

    Returns
    -------
    list of Signal
        A row each, :func:`chain_cycles` and the adder tree's levels later than the weights.
    """
    # All weights wait side by side, for simulators that copy words faster than numbers.
    # Synthesis drops the bits that no stage uses any more.
    delayed = _Delays(m, [weights])
    multiples = [_Delays(m, _multiples(m, value)) for value in x]
    columns = chains(len(x))
    cycles = chain_cycles(bits, len(x))
    steps = [_steps(m, bits, x[0].shape(), part, multiples) for part in columns]
    totals = []
    for row in range(len(weights) // (len(x) * bits)):
        ends = []
        for part in steps:
            late = _Delays(m, [_chain(m, row * len(x) * bits, part, delayed)])
            ends.append(late.after(cycles - len(part))[0])
        totals.append(adder_tree(m, ends))
    return totals


def _steps(
    m: Module, bits: int, shape: Shape, columns: range, multiples: list["_Delays"]
) -> list["_Step"]:
    """What all rows' chains over some of the columns select from, one step after another."""
    cuts = digits(bits)
    sizes = chain_widths(cuts, len(columns), shape)
    steps = []
    for stage, ((start, width), column) in enumerate(product(cuts, columns)):
        # Taken off, not added: the operands of a difference cannot be swapped by synthesis
        # tools, and the selection must be merged into the adder, not the sum so far.
        values = _choices(
            multiples[column].after(stage), width, top=start == cuts[-1][0], negative=stage > 0
        )
        choices = [Signal(signed(max(len(value) for value in values) + 1)) for _ in values]
        m.d.comb += [a.eq(b) for a, b in zip(choices, values, strict=True)]
        steps.append(_Step(column * bits + start, start, width, choices, sizes[stage]))
    return steps


def _chain(m: Module, row: int, steps: list["_Step"], weights: "_Delays") -> Signal:
    """The sum of the products of a row, whose weights begin at bit ``row``."""
    done = None
    for stage, step in enumerate(steps):
        at = row + step.at
        code = weights.after(stage)[0][at : at + step.width]
        # Not multiplexers: a simulator would branch on every bit of every weight.
        part = reduce(
            or_, (Mux(code == n, choice, 0) for n, choice in enumerate(step.choices, start=1))
        )
        total = Signal(signed(step.bits), reset_less=True)
        if done is None:
            m.d.sync += total.eq(part)
        else:
            kept, upper = done[: step.start], done[step.start :].as_signed()
            m.d.sync += total.eq(Cat(kept, upper - part))
        done = total
    return done


@dataclass(frozen=True)
class _Step:
    """A digit of a chain: where it is, and what follows from it.

    Attributes
    ----------
    at, start, width : int
        Where in the weights of a row, where in its own weight, and of how many bits.
    choices : list of Signal
        What the digit selects when it is 1, 2, 3; nothing when it is 0.
    bits : int
        Of the sum so far.
    """

    at: int
    start: int
    width: int
    choices: list[Signal]
    bits: int


class _Delays:
    """Some values, and the same ones some cycles later."""

    def __init__(self, m: Module, values: list[Value]):
        self._m = m
        self._stages = [values]

    def after(self, cycles: int) -> list[Value]:
        """The values ``cycles`` later."""
        while len(self._stages) <= cycles:
            self._stages.append([later(self._m, value) for value in self._stages[-1]])
        return self._stages[cycles]


def _multiples(m: Module, x: Value) -> list[Value]:
    """An activation times 1, -1, 3 and -3, a cycle later."""
    shapes = [x.shape(), signed(9), signed(11), signed(11)]
    values = [Signal(shape, reset_less=True) for shape in shapes]
    made = [x, -x, (x << 1) + x, -x - (x << 1)]
    m.d.sync += [value.eq(source) for value, source in zip(values, made, strict=True)]
    return values


def _choices(multiples: list[Value], width: int, *, top: bool, negative: bool) -> list[Value]:
    """What a digit 1, 2, 3 stands for: multiples of an activation, or their negatives."""
    once, minus_once, triple, minus_triple = multiples
    of = {1: once, 2: once << 1, 3: triple}
    of |= {-1: minus_once, -2: minus_once << 1, -3: minus_triple}
    worth = (1, 2, 3) if not top else (1, -2, -1) if width == 2 else (-1,)
    return [of[-value if negative else value] for value in worth[: (1 << width) - 1]]
