"""What the shell would limit the clock to, if all that surrounds it were registers."""

from amaranth.hdl import Cat, Module, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from boards.seven_series import synthesis
from gen.backend.rtlil import run_yosys, write_rtlil
from gen.timing.estimate import estimate
from gen.timing.netlist import read_netlist
from hw.link.shell import FrameServer, Shell
from hw.stream.lane_stream import lane_stream
from protocol.messages import DeviceInfo

INFO = DeviceInfo(224, 224, 3, 40, 100_000_000, bytes(8), chunk=1024, credits=8, streams=44)


class Registers(wiring.Component):
    """Stands in for an accelerator: every port is a register, and no bit is a constant."""

    i: In(lane_stream(1, unsigned(8)))
    o: Out(lane_stream(1, signed(32)))
    o_stalled: Out(INFO.streams)

    def elaborate(self, platform):
        m = Module()
        pixel, turning = Signal(8, reset_less=True), Signal(64, init=1)
        m.d.comb += [
            self.i.ready.eq(turning[0]),
            self.o.valid.eq(turning[1]),
            self.o.payload[0].eq(turning[:32]),
            self.o_stalled.eq(turning[-INFO.streams :]),
        ]
        m.d.sync += turning.eq(turning.rotate_left(1) ^ Cat(pixel, self.i.valid, self.o.ready))
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += pixel.eq(self.i.payload[0])
        return m


def test_no_path_in_the_shell_is_slow_before_placement(tmp_path):
    design, netlist = tmp_path / "shell.il", tmp_path / "shell.json"
    write_rtlil(FrameServer(Shell(INFO, Registers(), "lut")), design, "shell")
    run_yosys(f'read_rtlil "{design}"', *synthesis("shell", pads=False), f'write_json "{netlist}"')
    found = estimate(read_netlist([netlist], "shell"), "xc7")
    # 125 MHz, a third of which is for what a router makes of it; then some more, since the shell
    # has to do with pins and layers all over the chip.
    assert found.ns < 5, found.slowest
    # The header's enable, and resets.
    assert found.fan_outs[0].loads < 256
