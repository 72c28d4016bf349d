"""The table between a ROM of codes and the multipliers.

Weights shared by a layer, as in S. Han et al., "Deep compression", 2016.
"""

import numpy as np
from amaranth.hdl import Array, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Decoder(wiring.Component):
    """Turns codes into the levels that they stand for, ``count`` of them side by side.

    A LUT a bit of a level for codes of up to six bits. Latency 1; takes codes every cycle.

    Parameters
    ----------
    levels : int array (2**code_bits,)
        By code.
    level_bits : int
        Of the two's complement levels.
    count : int

    Members
    -------
    i : In(count * code_bits)
        Unsigned codes, the first in the lowest bits.
    o : Out(count * level_bits)

    Raises
    ------
    ValueError
        If there is not one level for each code of one bit or more, or a level does not fit
        ``level_bits``.
    """

    def __init__(self, levels: np.ndarray, level_bits: int, count: int):
        levels = np.asarray(levels, dtype=np.int64)
        self._code_bits = levels.size.bit_length() - 1
        limit = 1 << (level_bits - 1)
        if levels.ndim != 1 or levels.size != 1 << self._code_bits or self._code_bits < 1:
            raise ValueError(f"{levels.shape} levels are not one for each code")
        if levels.min() < -limit or levels.max() >= limit:
            raise ValueError(f"levels {levels.min()} to {levels.max()} exceed {level_bits} bits")
        self._levels, self._level_bits = levels, level_bits
        super().__init__({"i": In(count * self._code_bits), "o": Out(count * level_bits)})

    def model(self, codes: np.ndarray) -> np.ndarray:
        """Levels of codes, an int64 array of the shape of ``codes``."""
        return self._levels[codes]

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        table = Array(int(level) & ((1 << self._level_bits) - 1) for level in self._levels)
        for index in range(len(self.o) // self._level_bits):
            code = self.i.word_select(index, self._code_bits)
            level = Signal(self._level_bits, reset_less=True)
            m.d.sync += level.eq(table[code])
            m.d.comb += self.o.word_select(index, self._level_bits).eq(level)
        return m
