import random

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.link.packet import Deframer, Framer
from protocol import framing
from protocol.packets import ESCAPE, FLAG
from tests.harness import StreamBench


class Loop(wiring.Component):
    """Out of a byte stream and into one again."""

    def __init__(self):
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.deframer = deframer = Deframer()
        m.submodules.framer = framer = Framer()
        wiring.connect(m, wiring.flipped(self.i), deframer.i)
        wiring.connect(m, deframer.o, framer.i)
        wiring.connect(m, framer.o, wiring.flipped(self.o))
        return m


def test_packets_are_framed_as_the_host_does(tmp_path):
    rng = random.Random(1)
    awkward = [FLAG, ESCAPE, FLAG ^ 0x20, ESCAPE ^ 0x20, 0, 255]
    packets = [bytes(rng.choices(awkward, k=rng.randint(1, 30))) for _ in range(30)]
    lines = [np.frombuffer(framing.frame(packet), np.uint8) for packet in packets]
    bench = StreamBench(Loop(), "packet", tmp_path)
    bench.run({"i": lines}, {"o": lines}, stalls=0.4, seed=2)
    # A flag has to wait for the byte behind it, and an escape for what it hides.
    result = bench.run({"i": lines}, {"o": lines})
    assert result.last("o") - result.last("i") <= 2
