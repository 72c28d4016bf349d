"""Sends the sums of an array of multipliers on, a few at a time."""

import itertools

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.arith import dsp48
from hw.arith.adder_tree import adder_tree, levels
from hw.arith.mac import MacConfig
from hw.arith.registers import MOST_LOADS, later


class SumSerialiser(wiring.Component):
    """Keeps the sums of a window while the next one is computed, and passes them on in order.

    ``lanes`` rows a cycle: a multiplexer picks the raw sums, their parts are added, and rows that
    share a sum are told apart there, once for all of them.

    Here are four rows with sums of their own, of two parts each, that leave by two lanes: a window
    with two transfers, and as soon as can be one with a single transfer. ``sums`` keeps the parts
    (those of row 0 are shown), ``left`` counts the transfers to come, ``total`` adds up the parts
    that were picked a cycle before (on lane 0), and a dot is 0::

        cycle          0   1   2   3   4   5   6   7
        i_done         1   .   1   .   .   .   .   .
        i_count        2   .   1   .   .   .   .   .
        i_sums[0]      1   .   5   .   .   .   .   .
        i_sums[1]     10   .  50   .   .   .   .   .
        sums[0]        .   1   1   5   5   5   5   5
        sums[1]        .  10  10  50  50  50  50  50
        left           .   2   1   1   .   .   .   .
        total          .   .   .  11  33  55  77  77
        o_push         .   .   .   .   1   1   1   .
        o_payload[0]   .   .   .   .  11  33  55  77
        o_payload[1]   .   .   .   .  22  44  66  88

    More parts take more cycles, and so do rows that overlap: :meth:`registers`.

    Parameters
    ----------
    config : MacConfig
        Of the array whose sums these are.
    lanes : int
        Rows a transfer, each an output channel; divides the array's rows.

    Members
    -------
    i_done : In(config.done_copies)
        The sums of a window are there; at least ``pe / lanes`` cycles after the last time. All bits
        are alike.
    i_sums : In(config.sums)
    i_uppers : In(config.uppers)
        Only with an overlap.
    i_count : In
        Transfers of this window, together with ``i_done``.
    o_push : Out(1)
    o_payload : Out(ArrayLayout(accumulator, lanes))
        The sums of ``lanes`` rows, in the order of the rows.
    """

    def __init__(self, config: MacConfig, lanes: int):
        self._config, self._steps, self._lanes = config, config.pe // lanes, lanes
        accumulator = signed(config.accumulator_bits)
        ports = {
            "i_done": In(config.done_copies),
            "i_sums": In(config.sums),
            "i_count": In(range(self._steps + 1)),
            "o_push": Out(1),
            "o_payload": Out(data.ArrayLayout(accumulator, lanes)),
        }
        if config.overlap:
            ports["i_uppers"] = In(config.uppers)
        super().__init__(ports)

    @staticmethod
    def registers(config: MacConfig) -> dict[str, int]:
        """Cycles from ``i_done`` to the first transfer's ``o_push``, by registers on the way."""
        return {
            "sums that are kept": 1,
            "picked parts": 1,
            "adder tree": levels(config.parts),
            "borrowed bits": int(config.overlap > 0),
            "payload": 1,
        }

    @staticmethod
    def latency(config: MacConfig) -> int:
        """Cycles from ``i_done`` to the first transfer's ``o_push``."""
        return sum(SumSerialiser.registers(config).values())

    @staticmethod
    def model(config: MacConfig, sums: np.ndarray, uppers: np.ndarray) -> np.ndarray:
        """The sums of an array's rows, in the order in which they leave.

        Parameters
        ----------
        config : MacConfig
        sums, uppers : int arrays (groups * parts,)
            As :meth:`MacConfig.model` gives them.

        Returns
        -------
        int64 array (pe,)
        """
        rows = np.asarray(sums, dtype=np.int64).reshape(config.groups, config.parts).sum(axis=1)
        width = config.accumulator_bits
        if config.overlap:
            upper = np.asarray(uppers).reshape(config.groups, config.parts).sum(axis=1)
            reach = dsp48.borrowed_model(rows, upper, config.offset, config.overlap)
            pairs = dsp48.separate_overlapping_model(rows, reach, config.offset, width)
            rows = np.stack(pairs, axis=1)
        elif config.rows_per_sum == 2:
            rows = np.stack(dsp48.separate_model(rows, config.offset, width), axis=1)
        return rows.ravel()[: config.pe]

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        steps, config = self._steps, self._config
        sums = Signal.like(self.i_sums, reset_less=True)
        self._keep(m, sums, self.i_sums)
        chosen = self._choices()
        step = chosen[0]
        left = Signal(range(steps + 1))
        with m.If(self.i_done[0]):
            m.d.sync += [*(copy.eq(0) for copy in chosen), left.eq(self.i_count)]
        with m.Elif(left != 0):
            m.d.sync += [*(copy.eq(step + 1) for copy in chosen), left.eq(left - 1)]

        flags = [Signal(2, name=f"flags{i}") for i in range(self.latency(config) - 1)]
        m.d.comb += flags[0].eq((step[0] << 1) | (left != 0))
        m.d.sync += [after.eq(before) for before, after in itertools.pairwise(flags)]
        for lane in range(self._lanes):
            rows = [at * self._lanes + lane for at in range(steps)]
            mine = [chosen[part * len(chosen) // config.parts] for part in range(config.parts)]
            total = self._total(m, sums, mine, rows)
            choice = [total] if config.rows_per_sum == 1 else self._apart(m, total, mine, rows)
            odd = [row % 2 for row in rows]
            row = choice[0] if len(choice) == 1 else _half(choice, odd, flags[-1][1])
            m.d.comb += self.o_payload[lane].eq(later(m, row))
        m.d.sync += self.o_push.eq(flags[-1][0])
        return m

    def _choices(self) -> list[Signal]:
        """Registers of the step, which picks a row: as many as its loads need, and a part each."""
        inputs = min(self._steps, self._config.groups)
        loads = self._lanes * self._config.raw_bits * -(-inputs // 4)
        count = min(self._config.parts, -(-self._config.parts * loads // MOST_LOADS)) or 1
        shape, attributes = range(max(self._steps, 2)), {"keep": "true"} if count > 1 else {}
        return [
            Signal(shape, name=f"step{number}", reset_less=True, attrs=attributes)
            for number in range(count)
        ]

    def _keep(self, m: Module, kept: data.View, sums: data.View) -> None:
        """Take what there is in a cycle with ``i_done``."""
        for number, value in enumerate(sums):
            with m.If(self.i_done[number * len(self.i_done) // len(sums)]):
                m.d.sync += kept[number].eq(value)

    def _total(self, m: Module, held: data.View, steps: list[Signal], rows: list[int]) -> Signal:
        """The sum of the parts of the step's row; each part has a register of the step."""
        config = self._config
        picked = []
        for part in range(config.parts):
            indices = [row // config.rows_per_sum * config.parts + part for row in rows]
            picked.append(later(m, _pick(steps[part], held, indices)))
        return adder_tree(m, picked)

    def _apart(self, m: Module, total: Signal, steps: list[Signal], rows: list[int]) -> list[Value]:
        """The two sums of the rows that share a raw sum."""
        config = self._config
        width = config.accumulator_bits
        if not config.overlap:
            return dsp48.separate(total, config.offset, width)
        uppers = Signal.like(self.i_uppers, reset_less=True)
        self._keep(m, uppers, self.i_uppers)
        upper = self._total(m, uppers, steps, rows)[: config.overlap]
        late = later(m, total)
        reach = later(m, dsp48.borrowed(total, upper, config.offset))
        return dsp48.separate_overlapping(late, reach, config.offset, width)


def _half(choice: list[Value], odd: list[int], step_is_odd: Value) -> Value:
    """The lower or upper row's sum; ``odd`` tells which one each step sends."""
    if len(set(odd)) == 1:
        return choice[odd[0]]
    return Mux(step_is_odd, choice[odd[1]], choice[odd[0]])


def _pick(step: Value, held: data.View, indices: list[int], lowest: int = 0) -> Value:
    """Element ``indices[step >> lowest]``; pairs of one element need no multiplexer."""
    if len(indices) == 1:
        return held[indices[0]]
    if len(indices) > 1 and lowest == 0 and indices[::2][: len(indices) // 2] == indices[1::2]:
        return _pick(step, held, indices[::2], 1)
    bit = (len(indices) - 1).bit_length() - 1
    upper = _pick(step, held, indices[1 << bit :], lowest)
    return Mux(step[lowest + bit], upper, _pick(step, held, indices[: 1 << bit], lowest))
