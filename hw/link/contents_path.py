"""The way of frames around an accelerator whose memories take new contents."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.frames.frame_input import FRAME_BYTES
from hw.link.contents import ContentsConfig, ContentsUnit
from hw.link.contents_gate import ContentsGate
from hw.stream.lane_stream import lane_stream
from protocol.messages import DeviceInfo


class ContentsPath(wiring.Component):
    """Takes frames of contents out of those that go to the accelerator, and answers like it.

    Parameters
    ----------
    info : DeviceInfo
    config : ContentsConfig

    Attributes
    ----------
    unit : ContentsUnit
        For what it tells of updates, and for what it writes.

    Members
    -------
    i : In(FRAME_BYTES)
    i_contents : In(1)
        The byte in ``i`` is one of contents.
    o : Out(FRAME_BYTES)
        To the accelerator.
    i_sums : In(lane_stream(1, signed(32)))
        What it answers.
    i_judged, i_refused : In(1)
        For one cycle, for each of its frames: all pixels are on their way; the frame is refused.
    o_sums, o_judged, o_refused : Out
        The same for all frames; the last two are registers.
    i_answered : In(1)
        For one cycle, for each frame: its result has left.
    o_began : Out(1)
        For one cycle: a frame of contents begins.
    """

    def __init__(self, info: DeviceInfo, config: ContentsConfig):
        self._info = info
        self.unit = ContentsUnit(info, config)
        super().__init__(
            {
                "i": In(FRAME_BYTES),
                "i_contents": In(1),
                "o": Out(FRAME_BYTES),
                "i_sums": In(lane_stream(1, signed(32))),
                "i_judged": In(1),
                "i_refused": In(1),
                "o_sums": Out(lane_stream(1, signed(32))),
                "o_judged": Out(1),
                "o_refused": Out(1),
                "i_answered": In(1),
                "o_began": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        unit = self.unit
        m.submodules.unit = unit
        m.submodules.gate = gate = ContentsGate(self._info.frames)
        wiring.connect(m, wiring.flipped(self.i), gate.i)
        wiring.connect(m, gate.o, wiring.flipped(self.o))
        wiring.connect(m, gate.o_contents, unit.i)
        m.d.comb += [
            gate.i_contents.eq(self.i_contents),
            gate.i_done.eq(unit.o_done),
            gate.i_answered.eq(self.i_answered),
            self.o_began.eq(gate.o_began),
            # Only one of both has something to say.
            self.o_sums.valid.eq(self.i_sums.valid | unit.o.valid),
            self.o_sums.payload[0].eq(Mux(unit.o.valid, unit.o.payload[0], self.i_sums.payload[0])),
            self.i_sums.ready.eq(self.o_sums.ready),
            unit.o.ready.eq(self.o_sums.ready),
        ]
        m.d.sync += [
            self.o_judged.eq(self.i_judged | unit.o_judged),
            self.o_refused.eq(Mux(unit.o_judged, unit.o_refused, self.i_refused | unit.o_updating)),
        ]
        return m
