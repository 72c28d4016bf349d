"""Packets from the host: checked, put in order, and their bytes kept until they are taken."""

from typing import TypeAlias

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, enum, memory, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from hw.frames.frame_input import FRAME_BYTES
from hw.link.forms import FrameForm
from hw.link.packet import PACKETS
from hw.stream.dual_port import DualPortMemory, memory_attributes
from protocol.messages import DeviceInfo
from protocol.packets import CHECK_BYTES, HEADER, Kind

SEQUENCE_BITS = HEADER.bits["sequence"]
INDEX_BITS = HEADER.bits["index"]
COMMAND = data.StructLayout({"kind": 8, "sequence": SEQUENCE_BITS})

_LENGTHS = ("empty", "single", "too_long")
"""What a payload may be, by its bytes."""
_Edges: TypeAlias = tuple[Signal, Signal]
"""The next packet is the first one of a frame; the one that is here is the last one."""


def _contents(info: DeviceInfo) -> data.StructLayout:
    """What is in a place: bytes modulo the most that there can be, and what they are of."""
    forms = {"coded": 1} | ({"contents": 1} if info.memories else {})
    return data.StructLayout({"length": range(info.chunk), "last": 1, **forms})


class _State(enum.Enum):
    """Bit 3: the header is there. Bit 2: no byte counts. What follows is far, and one gate each."""

    SKIP = 0b0000
    HEADER = 0b0001
    WEIGH = 0b1100
    DECIDE = 0b1101
    PAYLOAD = 0b1000
    CHECK = 0b1001
    JUDGE = 0b1010


class PacketReceiver(wiring.Component):
    """Takes frames' packets in order, each into a place of its own if its CRC is right.

    A packet that is not the next one, or for which there is no place, is dropped: nothing that the
    host sends makes it wait. One byte a cycle in, less three cycles a packet; one byte a cycle
    out, less one cycle a packet. What a header means is in registers before anything follows from
    it, and so are the ends of all that is counted: no decision takes more than its own gate.

    Parameters
    ----------
    info : DeviceInfo
        ``chunk`` and ``credits`` must be powers of two.

    Members
    -------
    i : In(PACKETS)
        A byte is taken within three cycles.
    o : Out(FRAME_BYTES)
        Of packets whose CRC is right, in order.
    o_contents : Out(1)
        Only with ``info.memories``: the byte in ``o`` is one of a frame of contents.
    i_begin : In(1)
        For one cycle, before the first frame: frames begin with sequence number ``i_sequence``.
    i_sequence : In(16)
    i_block : In(1)
        No frame may begin.
    o_began : Out(1)
        For one cycle: the first packet of a frame is in.
    o_command : Out(COMMAND)
        With ``o_commanded`` high for one cycle: a packet without payload came.
    o_sequence, o_index : Out(16)
        Of the packet that is taken next.
    o_credit : Out(range(credits + 1))
        Packets for which there is a place.
    o_bad, o_dropped, o_freed : Out(1)
        For one cycle: a packet came damaged; came and was dropped; left its place. Those,
        ``o_began`` and ``o_commanded`` are registers.

    Raises
    ------
    ValueError
        If ``chunk`` or ``credits`` is not a power of two from 2 on.
    """

    def __init__(self, info: DeviceInfo):
        for name in ("chunk", "credits"):
            size = getattr(info, name)
            if size < 2 or size & (size - 1):
                raise ValueError(f"{name} must be a power of two from 2 on, not {size}")
        self._info = info
        super().__init__(
            {
                "i": In(PACKETS),
                "o": Out(FRAME_BYTES),
                "i_begin": In(1),
                "i_sequence": In(SEQUENCE_BITS),
                "i_block": In(1),
                "o_began": Out(1),
                "o_command": Out(COMMAND),
                "o_commanded": Out(1),
                "o_sequence": Out(SEQUENCE_BITS),
                "o_index": Out(INDEX_BITS),
                "o_credit": Out(range(info.credits + 1), init=info.credits),
                "o_bad": Out(1),
                "o_dropped": Out(1),
                "o_freed": Out(1),
                **({"o_contents": Out(1)} if info.memories else {}),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        info = self._info
        m.submodules.storage = storage = DualPortMemory(8, info.credits * info.chunk, "block")
        state = Signal(_State)
        header = Signal(data.StructLayout(HEADER.bits), reset_less=True)
        wanted, right, kept = Signal(reset_less=True), Signal(), Signal()
        self._parse(m, state, header, right)
        form = FrameForm(info, header)
        edges = self._edges(m, form)
        codes = self._decide(m, state, header, form, edges, wanted)
        self._judge(m, header, edges, wanted, right, kept)
        with m.If(kept):
            m.d.sync += codes.eq(form.same)
        self._write(m, state, wanted, kept, storage.write)
        contents = Signal(_contents(info))
        m.d.comb += [
            contents.length.eq(header.length),
            contents.last.eq(edges[1]),
            contents.coded.eq(form.coded),
        ]
        if info.memories:
            m.d.comb += contents.contents.eq(form.contents)
        self._read(m, storage.read, kept, contents)
        return m

    def _parse(self, m: Module, state: Signal, header: Signal, right: Signal) -> None:
        """The bytes' way through the states; the header into its register."""
        m.submodules.crc = crc = CRC32_ISO_HDLC().create()
        byte, first = self.i.payload.byte, self.i.payload.first
        taken = self.i.valid & self.i.ready
        skips, judged = state == _State.SKIP, state == _State.JUDGE
        listens = state.matches(_State.HEADER, _State.PAYLOAD, _State.CHECK)
        bad = Signal()
        m.d.comb += [
            self.i.ready.eq(skips | (listens & ~first)),
            crc.data.eq(byte),
            # It may count what comes while it is looked at: it begins again with a packet.
            crc.valid.eq(self.i.valid & ~state[2]),
            crc.start.eq(crc.valid & first),
            right.eq(judged & crc.match_detected),
        ]
        m.d.sync += self.o_bad.eq(bad | (judged & ~crc.match_detected))
        # A byte that is not of it has left at the other end before the header is looked at.
        with m.If(self.i.valid & ~state[3]):
            m.d.sync += header.eq(Cat(header.as_value()[8:], byte))
        self._step(m, state, header.length, taken, bad)
        with m.If(self.i.valid & first & listens):
            m.d.sync += state.eq(_State.SKIP)
            m.d.comb += bad.eq(1)

    def _step(self, m: Module, state: Signal, length: Value, taken: Value, bad: Signal) -> None:
        """From state to state, each for as many bytes as it takes."""
        chunk = self._info.chunk
        left = Signal(range(max(chunk, HEADER.size) + 1), reset_less=True)
        at_end = Signal(reset_less=True)  # A single byte is left.
        empty, single, too_long = (Signal(name=name, reset_less=True) for name in _LENGTHS)
        m.d.sync += [
            empty.eq(length == 0),
            single.eq(length == 1),
            too_long.eq(length > chunk),
        ]
        with m.If(taken):
            m.d.sync += [left.eq(left - 1), at_end.eq(left == 2)]
        with m.Switch(state):
            with m.Case(_State.SKIP):
                m.d.sync += [left.eq(HEADER.size - 1), at_end.eq(0)]
                with m.If(taken & self.i.payload.first):
                    m.d.sync += state.eq(_State.HEADER)
            with m.Case(_State.HEADER), m.If(taken & at_end):
                m.d.sync += state.eq(_State.WEIGH)
            with m.Case(_State.WEIGH):
                m.d.sync += state.eq(_State.DECIDE)
            with m.Case(_State.DECIDE):
                m.d.sync += [left.eq(length), at_end.eq(single), state.eq(_State.PAYLOAD)]
                with m.If(empty):
                    m.d.sync += [left.eq(CHECK_BYTES), state.eq(_State.CHECK)]
                with m.If(too_long):
                    m.d.sync += state.eq(_State.SKIP)
                    m.d.comb += bad.eq(1)
            with m.Case(_State.PAYLOAD), m.If(taken & at_end):
                m.d.sync += [left.eq(CHECK_BYTES), state.eq(_State.CHECK)]
            with m.Case(_State.CHECK), m.If(taken & at_end):
                m.d.sync += state.eq(_State.JUDGE)
            with m.Case(_State.JUDGE):
                m.d.sync += state.eq(_State.SKIP)

    def _decide(
        self,
        m: Module,
        state: Signal,
        header: Signal,
        form: FrameForm,
        edges: _Edges,
        wanted: Signal,
    ) -> Signal:
        """Whether the packet with this header is the next one and has a place.

        Returns what is to be told when one is kept: what ``form`` says that is the same in all
        packets of its frame.

        Parameters
        ----------
        m : Module
        state, header, wanted : Signal
        form : FrameForm
        edges : _Edges
        """
        info, codes = self._info, Signal(len(form.same), name="codes", reset_less=True)
        last_bytes = info.frame_bytes - (info.chunks - 1) * info.chunk
        opens, ends = edges
        whole = header.length == info.chunk
        fits = header.length == last_bytes if last_bytes != info.chunk else whole
        # The last packet of codes or contents is as long as it likes, which is not too long.
        short = Mux(form.any_length, header.length != 0, fits)
        conditions = (
            header.kind == Kind.FRAME,
            header.sequence == self.o_sequence,
            header.index == self.o_index,
            *form.conditions(opens, codes),
            self.o_credit != 0,
            ~(opens & self.i_block),
        )
        met = Signal(len(conditions), reset_less=True)
        is_whole, is_short = Signal(reset_less=True), Signal(reset_less=True)
        m.d.sync += [met.eq(Cat(conditions)), is_whole.eq(whole), is_short.eq(short)]
        with m.If(state == _State.DECIDE):
            m.d.sync += wanted.eq(met.all() & Mux(ends, is_short, is_whole))
        return codes

    def _edges(self, m: Module, form: FrameForm) -> _Edges:
        """Whether the next packet is a frame's first one, and the one that is here its last.

        Known a cycle after ``o_index``, long before a header is there to compare with; of codes or
        contents, the header tells the end.
        """
        opens, closes, ends = (
            Signal(name=name, reset_less=True) for name in ("opens", "closes", "ends")
        )
        m.d.sync += [
            opens.eq(self.o_index == 0),
            closes.eq(self.o_index == self._info.chunks - 1),
            ends.eq(Mux(form.tells_end, form.last, closes)),
        ]
        return opens, ends

    def _judge(
        self,
        m: Module,
        header: Signal,
        edges: _Edges,
        wanted: Signal,
        right: Signal,
        kept: Signal,
    ) -> None:
        """What a packet with a right CRC does, a cycle after that is known."""
        opens, ends = edges
        commands = Signal(reset_less=True)
        asked = (Kind.CONTENTS,) if self._info.memories else ()
        named = header.kind.matches(Kind.RESET, Kind.INFO, Kind.STATISTICS, *asked)
        m.d.comb += [
            self.o_command.kind.eq(header.kind),
            self.o_command.sequence.eq(header.sequence),
        ]
        # A frame's packet is no command.
        m.d.sync += [
            commands.eq(named & (header.length == 0)),
            kept.eq(right & wanted),
            self.o_began.eq(right & wanted & opens),
            self.o_commanded.eq(right & commands),
            self.o_dropped.eq(right & ~commands & ~wanted),
        ]
        with m.If(kept):
            m.d.sync += self.o_index.eq(self.o_index + 1)
            with m.If(ends):
                m.d.sync += [self.o_index.eq(0), self.o_sequence.eq(self.o_sequence + 1)]
        with m.If(self.i_begin):
            m.d.sync += self.o_sequence.eq(self.i_sequence)

    def _write(
        self,
        m: Module,
        state: Signal,
        wanted: Signal,
        kept: Signal,
        port: memory.WritePort,
    ) -> None:
        """Payload into the next place; the place is used up only if the packet is kept."""
        place = Signal(range(self._info.credits))
        within = Signal(range(self._info.chunk), reset_less=True)
        m.d.comb += [
            port.addr.eq(Cat(within, place)),
            port.data.eq(self.i.payload.byte),
            port.en.eq(wanted & (state == _State.PAYLOAD) & self.i.valid),
        ]
        with m.If(state == _State.DECIDE):
            m.d.sync += within.eq(0)
        with m.Elif(port.en):
            m.d.sync += within.eq(within + 1)
        with m.If(kept):
            m.d.sync += place.eq(place + 1)

    def _read(self, m: Module, port: memory.ReadPort, kept: Signal, contents: Signal) -> None:
        """Bytes out of the places in turn; between two of them it looks up what is in the next.

        Parameters
        ----------
        m : Module
        port : memory.ReadPort
        kept : Signal
            The next place is filled.
        contents : Signal
            With what.
        """
        info = self._info
        place, within = Signal(range(info.credits)), Signal(range(info.chunk), reset_less=True)
        here = self._contents(m, kept, contents, place)
        some, opened, at_end = Signal(), Signal(), Signal(reset_less=True)
        left = Signal(contents.shape(), reset_less=True)
        fetch, freed = Signal(), Signal()
        m.d.comb += [
            fetch.eq(opened & (~self.o.valid | self.o.ready)),
            freed.eq(fetch & at_end),
            port.addr.eq(Cat(within, place)),
            port.en.eq(fetch),
            self.o.payload.byte.eq(port.data),
        ]
        with m.If(~opened):
            m.d.sync += [left.eq(here), at_end.eq(here.length == 1), opened.eq(some)]
            m.d.sync += within.eq(0)  # Here, and not with ``freed``: further from ``ready``.
        with m.If(fetch):
            m.d.sync += [
                self.o.valid.eq(1),
                self.o.payload.last.eq(left.last & at_end),
                self.o.payload.coded.eq(left.coded),
                within.eq(within + 1),
                left.length.eq(left.length - 1),
                at_end.eq(left.length == 2),
            ]
            if info.memories:
                m.d.sync += self.o_contents.eq(left.contents)
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(freed):
            m.d.sync += [place.eq(place + 1), opened.eq(0)]
        self._count_places(m, kept, freed, some)

    def _contents(self, m: Module, kept: Signal, contents: Signal, place: Signal) -> Signal:
        """Keep what is in each place; returns what is in this one.

        Parameters
        ----------
        m : Module
        kept, contents : Signal
            As :meth:`_read` takes them.
        place : Signal
        """
        filled, here = Signal.like(place, name="filled"), Signal(contents.shape())
        m.submodules.contents = kinds = memory.Memory(
            shape=contents.shape(),
            depth=self._info.credits,
            init=[],
            attrs=memory_attributes("lut"),
        )
        read, write = kinds.read_port(domain="comb"), kinds.write_port()
        m.d.comb += [
            read.addr.eq(place),
            here.eq(read.data),
            write.addr.eq(filled),
            write.data.eq(contents),
            write.en.eq(kept),
        ]
        with m.If(kept):
            m.d.sync += filled.eq(filled + 1)
        return here

    def _count_places(self, m: Module, kept: Signal, freed: Signal, some: Signal) -> None:
        """Places left, and whether some are taken; both at once leave it as it is."""
        m.d.sync += self.o_freed.eq(freed)
        with m.If(kept & ~freed):
            m.d.sync += [self.o_credit.eq(self.o_credit - 1), some.eq(1)]
        with m.Elif(freed & ~kept):
            last = self.o_credit == self._info.credits - 1
            m.d.sync += [self.o_credit.eq(self.o_credit + 1), some.eq(~last)]
