import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.frames.bit_reader import CODED, BitReader
from hw.frames.delay import delayed
from hw.frames.rice import PARAMETER, RiceDecoder
from hw.stream.fifo import CreditFifo
from protocol.coding import decode
from protocol.coding.rules import LEVEL_BITS
from tests.harness import StreamBench


class Codes(wiring.Component):
    """Bytes and parameters to mapped residuals."""

    i: In(CODED)
    i_parameter: In(stream.Signature(PARAMETER))
    o: Out(stream.Signature(LEVEL_BITS))

    def elaborate(self, platform):
        m = Module()
        m.submodules.reader = reader = BitReader()
        m.submodules.rice = rice = RiceDecoder()
        m.submodules.results = results = CreditFifo(LEVEL_BITS, 8)
        step = Signal()
        wiring.connect(m, wiring.flipped(self.i), reader.i)
        wiring.connect(m, results.o, wiring.flipped(self.o))
        m.d.comb += [
            step.eq(self.i_parameter.valid & reader.o_enough & results.o_credit),
            self.i_parameter.ready.eq(reader.o_enough & results.o_credit),
            rice.i_window.eq(reader.o_window),
            rice.i_parameter.eq(self.i_parameter.payload),
            reader.i_length.eq(Mux(step, rice.o_length, 0)),
            results.i_take.eq(step),
            results.i_push.eq(delayed(m, step, 2, "pushes")),
            results.i_payload.eq(rice.o_mapped),
        ]
        return m


def test_codes_are_read_as_the_model_does(tmp_path):
    rng = np.random.default_rng(3)
    # Many zeros, many ones, and anything, so that codes of all lengths come.
    parts = [rng.integers(0, 256, 200) & rng.integers(0, 256, 200) for _ in range(2)]
    parts += [rng.integers(0, 256, 200) | rng.integers(0, 256, 200), rng.integers(0, 256, 200)]
    data = np.concatenate(parts).astype(np.uint8).tobytes()
    parameters = rng.integers(0, 6, 1500)
    reader = decode.BitReader(data)
    mapped = [reader.read(int(one)) for one in parameters]
    # The last ones are behind the end.
    assert reader.fault() == "its bytes end before its codes do"
    assert max(mapped) >= 256
    words = [byte | (at == len(data) - 1) << 8 for at, byte in enumerate(data)]
    bench = StreamBench(Codes(), "codes", tmp_path)
    for seed, stalls in enumerate([0.4, {"i": 0.6}, {"o": 0.6}]):
        bench.run(
            {"i": [words], "i_parameter": [parameters]}, {"o": [mapped]}, stalls=stalls, seed=seed
        )


def test_codes_of_a_byte_come_at_one_a_cycle(tmp_path):
    # With parameter 5 and two zeros, a code has 8 bits.
    data = [0b00100000 | low for low in range(32)] * 20
    mapped = [2 << 5 | low for low in range(32)] * 20
    words = [byte | (at == len(data) - 1) << 8 for at, byte in enumerate(data)]
    bench = StreamBench(Codes(), "codes", tmp_path)
    result = bench.run({"i": [words], "i_parameter": [[5] * len(data)]}, {"o": [mapped]})
    assert result.bubbles("i") == 0
    assert result.bubbles("o") == 0
