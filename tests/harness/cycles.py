"""Small units in Amaranth's own simulator, cycle by cycle."""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path

from amaranth.hdl import ClockDomain, Elaboratable, Module, Value
from amaranth.sim import Simulator

from hw.arith import dsp48, mult18
from hw.stream.dp16kd import BehaviouralDp16kd
from hw.stream.ramb import CELLS as RAMB_CELLS
from hw.stream.ramb import BehaviouralRamb

PERIOD = 1e-8


def run(
    design: Elaboratable,
    inputs: Iterable[Sequence[tuple]],
    outputs: Sequence,
    vcd: Path | None = None,
) -> list[list]:
    """Play inputs, one element a cycle; what the outputs are in these cycles.

    Parameters
    ----------
    design : Elaboratable
    inputs : iterable
        For every cycle (signal, value) pairs; a signal keeps its value in cycles without it.
    outputs : sequence of signals
    vcd : Path, optional
        Where to write how all signals change.
    """
    found = []

    async def bench(ctx):
        for pairs in inputs:
            for signal, value in pairs:
                ctx.set(signal, value)
            found.append([ctx.get(signal) for signal in outputs])
            await ctx.tick()

    m = Module()
    m.domains.sync = ClockDomain()  # which a design without registers has not
    m.submodules.design = design
    simulator = Simulator(m)
    simulator.add_clock(PERIOD)
    simulator.add_testbench(bench)
    with simulator.write_vcd(str(vcd)) if vcd else nullcontext():
        simulator.run()
    return found


def packed(values: Iterable[int], bits: int) -> int:
    """Values side by side, the first in the lowest bits."""
    return sum((int(value) & (1 << bits) - 1) << at * bits for at, value in enumerate(values))


def unpacked(word: int, bits: int, count: int, *, signed: bool = True) -> list[int]:
    """The values that lie side by side in a word."""
    values = [word >> at * bits & (1 << bits) - 1 for at in range(count)]
    return [v - (1 << bits) if signed and v >> (bits - 1) else v for v in values]


class BehaviouralInstance(Elaboratable):
    """A primitive's behavioural model, made as Amaranth's ``Instance`` of the primitive is."""

    def __init__(self, cell: str, *ports: tuple, **named: Value):
        ports += tuple((name[0], name[2:], value) for name, value in named.items())
        found = {kind: {n: v for k, n, v in ports if k == kind} for kind in "pio"}
        if cell == dsp48.CELL:
            assert {*found["p"]} == {*dsp48.PARAMETER_NAMES}
            self._model: Elaboratable = dsp48.BehaviouralDSP48E1()
        elif cell == mult18.CELL:
            assert {*found["p"]} == {*mult18.PARAMETER_NAMES}
            self._model = mult18.BehaviouralMult18x18d()
        else:
            numbers = {n: getattr(value, "value", value) for n, value in found["p"].items()}
            ramb = cell in RAMB_CELLS
            self._model = BehaviouralRamb(cell, numbers) if ramb else BehaviouralDp16kd(numbers)
        self._inputs, self._outputs = found["i"], found["o"]

    def elaborate(self, platform):
        m = Module()
        m.submodules.model = model = self._model
        m.d.comb += [getattr(model, name).eq(value) for name, value in self._inputs.items()]
        m.d.comb += [value.eq(getattr(model, name)) for name, value in self._outputs.items()]
        return m
