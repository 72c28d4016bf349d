import numpy as np
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.frames.frame_input import FRAME_BYTES, FrameInput
from hw.stream.fifo import StreamFifo
from protocol.coding.decode import decode
from protocol.coding.encode import encode
from protocol.coding.rules import Steps
from tests.harness import StreamBench

SHAPE = (4, 6, 3)


class Judged(wiring.Component):
    """The unit with its verdicts as a stream: first pixel or not is told with each of them, too."""

    def __init__(self):
        self.unit = FrameInput(SHAPE, coded=True)
        super().__init__(
            {
                "i": In(FRAME_BYTES),
                "o": Out(stream.Signature(9)),
                "o_refused": Out(stream.Signature(1)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.unit = unit = self.unit
        m.submodules.verdicts = verdicts = StreamFifo(1, 64)
        wiring.connect(m, wiring.flipped(self.i), unit.i)
        m.d.comb += [
            self.o.valid.eq(unit.o.valid),
            self.o.payload.eq(unit.o.payload[0] | unit.o_first << 8),
            unit.o.ready.eq(self.o.ready),
            verdicts.i.valid.eq(unit.o_judged),
            verdicts.i.payload.eq(unit.o_refused),
        ]
        wiring.connect(m, verdicts.o, wiring.flipped(self.o_refused))
        return m


def transfers(data, coded):
    last = len(data) - 1
    return [byte | (at == last) << 8 | coded << 9 for at, byte in enumerate(data)]


def test_raw_and_coded_frames_take_turns(tmp_path):
    rng = np.random.default_rng(4)
    words, pixels, verdicts = [], [], []
    for _ in range(40):
        frame = rng.integers(0, 256, SHAPE).astype(np.uint8) >> np.uint8(rng.integers(0, 8))
        coded, fault = bool(rng.random() < 0.6), ""
        data = encode(frame, Steps(2, 2)) if coded else frame.tobytes()
        if coded:
            # Some lack bytes, some have too many.
            data = [data, data, data[: len(data) // 2], data + bytes(9)][rng.integers(0, 4)]
            made = decode(data, SHAPE)
            frame, fault = made.frame, made.fault
        words.append(transfers(data, coded))
        pixels.append([int(byte) | (at == 0) << 8 for at, byte in enumerate(frame.ravel())])
        verdicts.append([int(bool(fault))])
    assert 5 < sum(map(sum, verdicts)) < 20
    bench = StreamBench(Judged(), "input", tmp_path)
    for seed, stalls in enumerate([0.4, 0.0]):
        bench.run({"i": words}, {"o": pixels, "o_refused": verdicts}, stalls=stalls, seed=seed)
