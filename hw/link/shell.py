"""The shell around an accelerator: packets in, frames through the accelerator, packets out.

See :mod:`protocol.packets` for what the packets say, and :class:`protocol.device.Device` for the
model.
"""

from amaranth.hdl import (
    Cat,
    ClockSignal,
    DomainRenamer,
    Instance,
    Module,
    ResetSignal,
    Signal,
    Value,
)
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.frames.frame_input import FrameInput
from hw.link.contents import ContentsConfig, ContentsUnit
from hw.link.contents_path import ContentsPath
from hw.link.packet import BYTE, PACKETS, Deframer, Framer
from hw.link.receiver import PacketReceiver
from hw.link.responder import Responder
from hw.link.results import ResultQueue
from hw.link.sender import PacketSender
from hw.stream.fifo import MemoryKind
from hw.stream.reset_domain import add_domain
from hw.stream.stalls import StallSampler
from protocol.messages import DeviceInfo
from protocol.packets import STATISTICS, Kind


def _members(i: stream.Signature, o: stream.Signature) -> dict[str, wiring.Member]:
    """Ports of a shell whose packets travel as ``i`` and ``o``."""
    return {
        "i": In(i),
        "o": Out(o),
        "i_lost": In(1),
        "o_busy": Out(1),
        "o_wrong": Out(1),
        "o_adopt": Out(1),
    }


SHELL = _members(PACKETS, PACKETS)
"""Ports of :class:`Shell`."""


class Shell(wiring.Component):
    """An accelerator that answers packets.

    The accelerator, and all else that holds frames, are in clock domains of their own, which a
    ``RESET`` packet resets; counters and answers are not in them.

    Parameters
    ----------
    info : DeviceInfo
        What the board is.
    accelerator : wiring.Component
        With ports ``i``: lane_stream(1, unsigned(8)) of pixel bytes, ``o``:
        lane_stream(1, signed(32)) of class sums; and, if ``info.streams`` are to be watched, a
        port ``o_stalled`` with a bit for each of them; if there are ``info.memories``, a port
        ``i_load``: LOAD of words for them.
    sums_memory : "block" or "lut"
        As :class:`hw.link.results.ResultQueue` takes it.
    contents : ContentsConfig, optional
        What the memories hold at first, and who may change it; only for boards that have memories.

    Members
    -------
    i, o : In, Out(PACKETS)
        From and to the host. Bytes are taken whatever the accelerator does, less three cycles a
        packet.
    i_lost : In(1)
        For one cycle: the line lost a byte or damaged a datagram.
    o_busy : Out(1)
        A frame is on the board.
    o_wrong : Out(1)
        A packet was refused, or something lost, since the last reset that no packet asked for.
    o_adopt : Out(1)
        For one cycle, behind its last byte: a ``RESET`` came, whose sender is the host from now on.

    Raises
    ------
    ValueError
        If there are memories and no contents, or contents and no memories, or contents that do not
        fit what the board says of itself.
    """

    def __init__(
        self,
        info: DeviceInfo,
        accelerator: wiring.Component,
        sums_memory: MemoryKind,
        *,
        contents: ContentsConfig | None = None,
    ):
        if (contents is not None) != bool(info.memories):
            raise ValueError("what memories hold is told for boards that have some, and only then")
        self._info = info
        self._path = None if contents is None else ContentsPath(info, contents)
        self._sums_memory = sums_memory
        self._accelerator = accelerator
        super().__init__(SHELL)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        m.submodules.responder = responder = Responder(self._info)
        m.submodules.sender = sender = PacketSender()
        # Two registers: what they reset is much, and far apart.
        add_domain(m, "core", responder.o_clear)
        add_domain(m, "frames", responder.o_clear)
        core = DomainRenamer("core")
        m.submodules.receiver = receiver = core(PacketReceiver(self._info))
        frames = FrameInput(self._info.shape, coded=self._info.coded)
        m.submodules.frames = core(frames)
        accelerator = self._accelerator
        m.submodules.accelerator = DomainRenamer("frames")(accelerator)
        path = self._path
        m.submodules.results = results = core(ResultQueue(self._info, self._sums_memory))
        # The ports first: what is used first keeps its name, and ShellModule goes by these names.
        wiring.connect(m, sender.o, wiring.flipped(self.o))
        wiring.connect(m, wiring.flipped(self.i), receiver.i)
        if path is None:
            wiring.connect(m, receiver.o, frames.i)
            wiring.connect(m, frames.o, accelerator.i)
            wiring.connect(m, accelerator.o, results.i)
        else:
            m.submodules.contents = core(path)
            self._detour(m, path, receiver, frames, results)
            self._tell(m, path.unit, responder)
        wiring.connect(m, results.o, responder.i_sums)
        wiring.connect(m, responder.o, sender.i)
        refused = receiver.o_bad | receiver.o_dropped
        begins = frames.o.valid & frames.o.ready & frames.o_first
        judges: FrameInput | ContentsPath = frames if path is None else path
        m.d.comb += [
            results.i_began.eq(begins if path is None else begins | path.o_began),
            results.i_judged.eq(judges.o_judged),
            results.i_refused.eq(judges.o_refused),
            responder.i_malformed.eq(results.o_refused),
            receiver.i_begin.eq(responder.o_begin),
            receiver.i_sequence.eq(responder.o_sequence),
            responder.i_command.eq(receiver.o_command),
            responder.i_commanded.eq(receiver.o_commanded),
            responder.i_sequence.eq(receiver.o_sequence),
            responder.i_index.eq(receiver.o_index),
            responder.i_credit.eq(receiver.o_credit),
            responder.i_freed.eq(receiver.o_freed),
            responder.i_refused.eq(refused),
            responder.i_complete.eq(results.o_complete),
            responder.i_cycles.eq(results.o_cycles),
            self.o_adopt.eq(receiver.o_commanded & (receiver.o_command.kind == Kind.RESET)),
        ]
        self._statistics(m, receiver, frames, results, responder.i_statistics)
        if self._info.streams:
            self._watch(m, responder)
        return m

    def _watch(self, m: Module, responder: Responder) -> None:
        """Count how long streams between layers wait."""
        m.submodules.stalls = stalls = StallSampler(self._info.streams)
        m.d.comb += [
            stalls.i.eq(self._accelerator.o_stalled),
            stalls.i_index.eq(responder.o_stream),
            responder.i_stalls.eq(stalls.o),
        ]

    def _detour(
        self,
        m: Module,
        path: ContentsPath,
        receiver: PacketReceiver,
        frames: FrameInput,
        results: ResultQueue,
    ) -> None:
        """Frames by way of what takes those of contents."""
        wiring.connect(m, receiver.o, path.i)
        wiring.connect(m, path.o, frames.i)
        wiring.connect(m, frames.o, self._accelerator.i)
        wiring.connect(m, self._accelerator.o, path.i_sums)
        wiring.connect(m, path.o_sums, results.i)
        m.d.comb += [
            self._accelerator.i_load.eq(path.unit.o_load),
            path.i_contents.eq(receiver.o_contents),
            path.i_judged.eq(frames.o_judged),
            path.i_refused.eq(frames.o_refused),
            path.i_answered.eq(results.o_done),
        ]

    def _tell(self, m: Module, unit: ContentsUnit, responder: Responder) -> None:
        """What the board holds, to whoever asks."""
        m.d.comb += [
            responder.i_digest.eq(unit.o_digest),
            responder.i_counter.eq(unit.o_counter),
            responder.i_updating.eq(unit.o_updating),
            unit.i_check.eq(responder.o_check),
            responder.i_check.eq(unit.o_check),
            unit.i_telling.eq(responder.o_telling),
            responder.i_changes.eq(unit.o_changes),
        ]

    def _statistics(
        self,
        m: Module,
        receiver: PacketReceiver,
        frames: FrameInput,
        results: ResultQueue,
        statistics: Value,
    ) -> None:
        """Count what happens, since configuration."""
        in_flight = Signal(range(self._info.frames + 1))
        with m.If(receiver.o_began & ~results.o_done):
            m.d.core += in_flight.eq(in_flight + 1)
        with m.Elif(results.o_done & ~receiver.o_began):
            m.d.core += in_flight.eq(in_flight - 1)
        m.d.comb += [
            self.o_busy.eq(in_flight != 0),
            receiver.i_block.eq(in_flight == self._info.frames),
            statistics.cycles.eq(results.o_cycles),
            statistics.pixels.eq(frames.o_pixels),
            statistics.sequence.eq(receiver.o_sequence),
            statistics.index.eq(receiver.o_index),
            statistics.credit.eq(receiver.o_credit),
            statistics.in_flight.eq(in_flight),
        ]
        refused = frames.o_refused
        if self._path is not None:
            refused = results.i_judged & results.i_refused
        events = {
            "stalled": frames.o.valid & ~frames.o.ready,
            "answered": results.o_done,
            "bad": receiver.o_bad,
            "dropped": receiver.o_dropped,
            "lost": self.i_lost,
            "refused": refused,
        }
        wrong = []
        for name, event in events.items():
            happened = Signal(name=f"{name}_now", reset_less=True)
            count = Signal(STATISTICS.bits[name], name=name, reset_less=True)
            m.d.sync += [happened.eq(event), count.eq(count + happened)]
            m.d.comb += statistics[name].eq(count)
            wrong += [happened] if name in ("bad", "dropped", "lost") else []
        with m.If(Cat(wrong).any()):
            m.d.sync += self.o_wrong.eq(1)


class ShellModule(wiring.Component):
    """A shell that is a module of its own already.

    Parameters
    ----------
    name : str
        Of that module.

    Members
    -------
    Those of :class:`Shell`.
    """

    def __init__(self, name: str):
        self._name = name
        super().__init__(SHELL)

    def elaborate(self, platform: object) -> Instance:
        """Build the hardware."""
        return Instance(
            self._name,
            i_core_clk=ClockSignal(),
            i_rst=ResetSignal(),
            i_i__valid=self.i.valid,
            o_i__ready=self.i.ready,
            i_i__payload=self.i.payload,
            o_o__valid=self.o.valid,
            i_o__ready=self.o.ready,
            o_o__payload=self.o.payload,
            i_i_lost=self.i_lost,
            o_o_busy=self.o_busy,
            o_o_wrong=self.o_wrong,
            o_o_adopt=self.o_adopt,
        )


class FrameServer(wiring.Component):
    """A shell on a byte stream.

    Parameters
    ----------
    shell : wiring.Component
        A :class:`Shell`, or what has its ports.

    Members
    -------
    i, o : In, Out(stream.Signature(8))
        From and to the host.
    i_lost, o_busy, o_wrong, o_adopt
        Those of the shell.
    """

    def __init__(self, shell: wiring.Component):
        self._shell = shell
        super().__init__(_members(BYTE, BYTE))

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        m.submodules.deframer = deframer = Deframer()
        m.submodules.shell = shell = self._shell
        m.submodules.framer = framer = Framer()
        # The ports first: what is used first keeps its name, and simulations go by these names.
        wiring.connect(m, framer.o, wiring.flipped(self.o))
        wiring.connect(m, wiring.flipped(self.i), deframer.i)
        wiring.connect(m, deframer.o, shell.i)
        wiring.connect(m, shell.o, framer.i)
        m.d.comb += shell.i_lost.eq(self.i_lost)
        m.d.comb += [
            getattr(self, name).eq(getattr(shell, name))
            for name in ("o_busy", "o_wrong", "o_adopt")
        ]
        return m
