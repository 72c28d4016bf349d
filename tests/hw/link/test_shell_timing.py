"""What the shell would limit the clock to, if all that surrounds it were registers."""

import random
from dataclasses import replace

import pytest
from amaranth.hdl import Cat, Module, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.link.contents import ContentsConfig
from hw.link.shell import FrameServer, Shell
from hw.stream.lane_stream import lane_stream
from hw.stream.load import LOAD
from protocol.messages import DeviceInfo
from tests.harness.synthesised import synthesise

INFO = DeviceInfo(224, 224, 3, 40, 100_000_000, bytes(8), chunk=1024, credits=8, streams=44)
MEMORIES = 52


class Registers(wiring.Component):
    """Stands in for an accelerator: every port is a register, and no bit is a constant."""

    def __init__(self, *, writable: bool = False):
        ports = {
            "i": In(lane_stream(1, unsigned(8))),
            "o": Out(lane_stream(1, signed(32))),
            "o_stalled": Out(INFO.streams),
        }
        super().__init__(ports | ({"i_load": In(LOAD)} if writable else {}))

    def elaborate(self, platform):
        m = Module()
        pixel, turning = Signal(8, reset_less=True), Signal(64, init=1)
        m.d.comb += [
            self.i.ready.eq(turning[0]),
            self.o.valid.eq(turning[1]),
            self.o.payload[0].eq(turning[:32]),
            self.o_stalled.eq(turning[-INFO.streams :]),
        ]
        taken = [pixel, self.i.valid, self.o.ready]
        if "i_load" in self.signature.members:
            load = Signal(LOAD, reset_less=True)
            m.d.sync += load.eq(self.i_load)
            m.d.sync += pixel.eq(load.as_value().xor())
            taken.append(load.enable)
        m.d.sync += turning.eq(turning.rotate_left(1) ^ Cat(taken))
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += pixel.eq(self.i.payload[0])
        return m


def test_no_path_in_the_shell_is_slow_before_placement(tmp_path):
    _, found = synthesise(FrameServer(Shell(INFO, Registers(), "lut")), tmp_path)
    # 125 MHz, a third of which is for what a router makes of it; then some more, since the shell
    # has to do with pins and layers all over the chip.
    assert found.ns < 5, found.slowest
    # The header's enable, and resets.
    assert found.fan_outs[0].loads < 256


@pytest.mark.parametrize("key", [None, random.Random(1).randbytes(16)], ids=["open", "keyed"])
def test_no_path_is_slow_in_that_of_a_board_that_takes_contents(key, tmp_path):
    rng = random.Random(2)
    info = replace(
        INFO,
        digest=rng.randbytes(8),
        structure=rng.randbytes(8),
        memories=MEMORIES,
        keyed=key is not None,
    )
    config = ContentsConfig([rng.getrandbits(64) for _ in range(MEMORIES)], key)
    shell = Shell(info, Registers(writable=True), "lut", contents=config)
    _, found = synthesise(FrameServer(shell), tmp_path)
    assert found.ns < 5, found.slowest
