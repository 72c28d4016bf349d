"""An accelerator as an IP core: AXI4-Stream in and out, registers on AXI4-Lite, an interrupt."""

from amaranth.hdl import ClockDomain, DomainRenamer, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.axi.answers import SUM_BITS, AnswerOutput
from hw.axi.frames import FrameIntake
from hw.axi.register_file import RegisterFile
from hw.axi.signatures import (
    AXI_LITE,
    beat,
    connect_lite,
    flat_ports,
    from_ports,
    stream_ports,
    to_ports,
)
from hw.axi.updates import CoreUpdates, FrameGate
from hw.link.contents import ContentsConfig
from hw.stream.fifo import LUT_BITS, MemoryKind, StreamFifo
from hw.stream.reset_domain import add_domain
from hw.stream.stalls import StallSampler
from protocol.registers import CoreInfo

NAME = "firebrick_core"
"""Of the module."""


class CoreShell(wiring.Component):
    """What stands between an accelerator and the buses.

    Parameters
    ----------
    info : CoreInfo
    accelerator : wiring.Component
        With ports ``i``: lane_stream(1, unsigned(8)) of pixel bytes, ``o``:
        lane_stream(1, signed(32)) of class sums, and ``o_stalled`` with a bit for each layer; with
        updates, a port ``i_load``: LOAD of words for its memories, too.
    sums_memory : "block" or "lut"
        What holds a frame's class sums.
    contents : ContentsConfig, optional
        What the memories hold at first, and who may change it; only for cores that have updates.

    Members
    -------
    i : In(stream.Signature(beat(info.beat_bits)))
        Frames.
    o : Out(stream.Signature(beat(32)))
        Class sums.
    o_best : Out(stream.Signature(beat(64)))
        The class with the largest sum of each frame.
    bus : In(AXI_LITE)
        Registers.
    o_irq : Out(1)

    Raises
    ------
    ValueError
        If there are updates and no contents, or contents and no updates, or contents that do not
        fit what the core says of itself.
    """

    def __init__(
        self,
        info: CoreInfo,
        accelerator: wiring.Component,
        sums_memory: MemoryKind,
        *,
        contents: ContentsConfig | None = None,
    ):
        if (contents is not None) != (info.updates is not None):
            raise ValueError("what memories hold is told for cores that have updates, and no other")
        self._info, self._accelerator, self._sums_memory = info, accelerator, sums_memory
        self._updates = None if contents is None else CoreUpdates(info, contents)
        super().__init__(
            {
                "i": In(stream.Signature(beat(info.beat_bits))),
                "o": Out(stream.Signature(beat(SUM_BITS))),
                "o_best": Out(stream.Signature(beat(2 * SUM_BITS))),
                "bus": In(AXI_LITE),
                "o_irq": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        m.submodules.registers = registers = RegisterFile(self._info)
        # Two registers: what they reset is much, and far apart.
        add_domain(m, "core", registers.o_clear)
        add_domain(m, "frames", registers.o_clear)
        core = DomainRenamer("core")
        intake, accelerator = FrameIntake(self._info), self._accelerator
        sums = StreamFifo(SUM_BITS, max(self._info.classes, 2), self._sums_memory, late=True)
        verdicts = StreamFifo(1, LUT_BITS)
        m.submodules.intake = core(intake)
        m.submodules.accelerator = DomainRenamer("frames")(accelerator)
        m.submodules.sums, m.submodules.verdicts = core(sums), core(verdicts)
        m.submodules.answers = answers = AnswerOutput(self._info.classes)
        m.submodules.stalls = stalls = StallSampler(self._info.layers)
        wiring.connect(m, wiring.flipped(self.bus), registers.bus)
        wiring.connect(m, wiring.flipped(self.i), intake.i)
        if self._updates is None:
            wiring.connect(m, intake.o, accelerator.i)
        else:
            self._update(m, self._updates, registers, intake, answers)
        wiring.connect(m, verdicts.o, answers.i_verdict)
        wiring.connect(m, answers.o, wiring.flipped(self.o))
        wiring.connect(m, answers.o_best, wiring.flipped(self.o_best))
        m.d.comb += [
            sums.i.valid.eq(accelerator.o.valid),
            sums.i.payload.eq(accelerator.o.payload[0]),
            accelerator.o.ready.eq(sums.i.ready),
            answers.i.valid.eq(sums.o.valid),
            answers.i.payload.eq(sums.o.payload),
            sums.o.ready.eq(answers.i.ready),
            intake.i_room.eq(verdicts.i.ready),
            verdicts.i.valid.eq(intake.o_judged),
            verdicts.i.payload.eq(intake.o_error != 0),
            answers.i_abort.eq(registers.o_clear),
            stalls.i.eq(accelerator.o_stalled),
            stalls.i_index.eq(registers.o_stream),
            registers.i_stalls.eq(stalls.o),
            registers.i_judged.eq(intake.o_judged),
            registers.i_error.eq(intake.o_error),
            registers.i_done.eq(answers.o_done),
            registers.i_class.eq(answers.o_class),
            registers.i_malformed.eq(answers.o_malformed),
            self.o_irq.eq(registers.o_irq),
        ]
        return m

    def _update(
        self,
        m: Module,
        updates: CoreUpdates,
        registers: RegisterFile,
        intake: FrameIntake,
        answers: AnswerOutput,
    ) -> None:
        """Take other contents between frames."""
        m.submodules.updates = updates
        gate = FrameGate()
        m.submodules.gate = DomainRenamer("core")(gate)
        wiring.connect(m, registers.updates, updates.bus)
        wiring.connect(m, intake.o, gate.i)
        wiring.connect(m, gate.o, self._accelerator.i)
        m.d.comb += [
            gate.i_last.eq(intake.o_judged),
            gate.i_hold.eq(updates.o_hold),
            gate.i_answered.eq(answers.o_done),
            updates.i_clear.eq(registers.o_clear),
            updates.i_drained.eq(gate.o_empty & ~answers.o_best.valid),
            self._accelerator.i_load.eq(updates.o_load),
        ]


def ports(beat_bits: int) -> dict[str, wiring.Member]:
    """The ports of a core, by their names.

    Parameters
    ----------
    beat_bits : int
        Of the stream of pixels.
    """
    return {
        "aclk": In(1),
        "aresetn": In(1),
        **stream_ports("s_axis", beat_bits, In),
        **stream_ports("m_axis", SUM_BITS, Out),
        **stream_ports("m_axis_top1", 2 * SUM_BITS, Out),
        **flat_ports("s_axi", AXI_LITE, In),
        "irq": Out(1),
    }


class Core(wiring.Component):
    """The whole core, with the ports that tools know by their names.

    Parameters
    ----------
    shell : CoreShell
    beat_bits : int
        Of its stream of pixels.

    Members
    -------
    Those of :func:`ports`: ``aclk``, ``aresetn`` (low: reset, a cycle late), ``s_axis_*`` pixels,
    ``m_axis_*`` class sums, ``m_axis_top1_*`` best classes, ``s_axi_*`` registers, ``irq``.
    """

    def __init__(self, shell: wiring.Component, beat_bits: int):
        self._shell, self._beat_bits = shell, beat_bits
        super().__init__(ports(beat_bits))

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        m.domains.port = port = ClockDomain(local=True, reset_less=True)
        m.domains.sync = domain = ClockDomain(local=True)
        reset = Signal(init=1)
        m.d.port += reset.eq(~self.aresetn)
        m.d.comb += [port.clk.eq(self.aclk), domain.clk.eq(self.aclk), domain.rst.eq(reset)]
        m.submodules.shell = shell = self._shell
        connect_lite(m, self, "s_axi", shell.bus)
        pixels = from_ports(m, self, "s_axis", self._beat_bits)
        wiring.connect(m, pixels, shell.i)
        to_ports(m, shell.o, self, "m_axis")
        to_ports(m, shell.o_best, self, "m_axis_top1")
        m.d.comb += self.irq.eq(shell.o_irq)
        return m
