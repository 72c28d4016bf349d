"""The harness must notice what it is there to notice."""

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hw.stream.lane_stream import lane_stream
from hw.stream.skid_buffer import SkidBuffer
from tests.harness import Monitor, StreamBench, bench_group

PORT = lane_stream(2, unsigned(8))
FRAMES = list(np.arange(48).reshape(3, 2, 4, 2))


class Broken(wiring.Component):
    """A buffer that is right but for one fault."""

    i: In(PORT)
    o: Out(PORT)

    def __init__(self, fault="none"):
        self._fault = fault
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = SkidBuffer(PORT.members["payload"].shape)
        connect(m, flipped(self.i), buffer.i)
        connect(m, buffer.o, flipped(self.o))
        taken = Signal(8)
        m.d.sync += taken.eq(taken + (self.i.valid & self.i.ready))
        blink = Signal()
        m.d.sync += blink.eq(~blink)
        match self._fault:
            case "value":
                m.d.comb += self.o.payload[1].eq(buffer.o.payload[1] ^ (buffer.o.payload[0] == 20))
            case "dropped valid":
                m.d.comb += self.o.valid.eq(buffer.o.valid & blink)
            case "changed payload":
                m.d.comb += self.o.payload[0].eq(buffer.o.payload[0] ^ blink)
            case "stuck":
                m.d.comb += self.i.ready.eq(buffer.i.ready & (taken < 7))
                m.d.comb += buffer.i.valid.eq(self.i.valid & (taken < 7))
            case "waits for ready":
                m.d.comb += self.o.valid.eq(buffer.o.valid & self.o.ready)
            case "one too many":
                m.d.comb += self.o.valid.eq(buffer.o.valid | (taken == 24))
        return m


FAULTS = {
    "value": r"o: transfer 10 \(frame 1, its transfer 2\).* expected \[20, 21\], got \[20, 20",
    "dropped valid": "o: hold rule broken .* valid was dropped",
    "changed payload": r"o: hold rule broken .* \[\d+, (\d+)\] was not taken yet, then \[\d+, \1\]",
    "stuck": "time-out: .*i: 7 of 24 transfers, STALLED.*; o: 7 of 24 transfers, STARVED",
    "waits for ready": "o: hold rule broken|time-out: .*; o: ",
    "one too many": "o: transfer 24 at cycle .* only 24 were expected",
}
buffers = bench_group(Broken, ["none", *FAULTS])


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_found(fault, buffers):
    # The first transfers meet a stall, so that a hold rule is put to the test.
    with pytest.raises(AssertionError, match=FAULTS[fault]):
        buffers[fault].run({"i": FRAMES}, {"o": FRAMES}, stalls={"o": 0.8}, seed=2, patience=200)


def test_benches_of_a_group_have_their_own_streams(buffers):
    for _ in range(2):
        with pytest.raises(AssertionError, match="expected"):
            buffers["value"].run({"i": FRAMES}, {"o": FRAMES})
        assert buffers["none"].run({"i": FRAMES}, {"o": FRAMES}).bubbles("o") == 0


def test_result_and_monitors(tmp_path):
    bench = StreamBench(Broken(), "buffer", tmp_path, monitored=("buffer.i", "buffer.o"))
    monitors = {"buffer.i": Monitor(PORT, FRAMES), "buffer.o": Monitor(PORT, FRAMES)}
    bench.run({"i": FRAMES}, {"o": FRAMES}, stalls=0.5, monitors=monitors)
    result = bench.run({"i": FRAMES}, {"o": FRAMES}, monitors=monitors)
    assert result.first("buffer.i") == result.first("i") == 0
    assert result.last("o") == 24
    assert result.frame_ends("o").tolist() == [8, 16, 24]
    assert result.period("o") == 8
    assert result.bubbles("o") == 0

    wrong = [FRAMES[0], FRAMES[1] + 1, FRAMES[2]]
    monitors = {"buffer.o": Monitor(PORT, wrong)}
    with pytest.raises(AssertionError, match=r"buffer.o: transfer 8 \(frame 1, its transfer 0\)"):
        bench.run({"i": FRAMES}, {"o": FRAMES}, monitors=monitors)
    # What a bench raises itself ends its run, and is told.
    with pytest.raises(AssertionError, match=r"simulation failed(.|\n)*serve +FAIL"):
        bench.run({"i": FRAMES}, {"o": FRAMES}, stalls="much")


def test_ports_and_values_are_checked(tmp_path):
    bench = StreamBench(Broken(), "buffer", tmp_path)
    with pytest.raises(ValueError, match=r"\['i', 'x'\] given, ports are \['i', 'o'\]"):
        bench.run({"i": FRAMES}, {"x": FRAMES})
    with pytest.raises(ValueError, match=r"\['buffer.o'\] are not among the monitored ones"):
        bench.run({"i": FRAMES}, {"o": FRAMES}, monitors={"buffer.o": Monitor(PORT, FRAMES)})
    with pytest.raises(ValueError, match="value 256 does not fit"):
        bench.run({"i": [[0, 256]]}, {"o": FRAMES})
    with pytest.raises(ValueError, match="3 values do not fill"):
        bench.run({"i": [[0, 1, 2]]}, {"o": FRAMES})
