"""What brings updates of an accelerator's contents from registers to the unit that takes them."""

from amaranth.hdl import Cat, DomainRenamer, Module, Mux, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.axi.signatures import DATA_BITS
from hw.link.block_reader import CONTENTS_BYTES
from hw.link.contents import COUNTER_BITS, DIGEST_BITS, ContentsConfig, ContentsUnit
from hw.stream.fifo import LUT_BITS
from hw.stream.lane_stream import lane_stream
from hw.stream.load import LOAD
from hw.stream.reset_domain import add_domain
from protocol.contents.blocks import Status
from protocol.messages import MOST_MEMORIES, DeviceInfo
from protocol.registers import CoreInfo
from protocol.update_registers import MOST_BYTES, UpdateState

LENGTH_BITS = MOST_BYTES.bit_length()
INDEX_BITS = MOST_MEMORIES.bit_length()
FRAMES = 2 * LUT_BITS
"""More than are ever in a core: it stops where the verdicts on so many as a LUT has bits wait."""
TRANSFER = {
    "begin": Out(1),
    "length": Out(LENGTH_BITS),
    "push": Out(1),
    "word": Out(DATA_BITS),
    "full": In(1),
    "busy": In(1),
    "ready": In(1),
    "left": In(LENGTH_BITS),
    "done": In(1),
    "status": In(Status),
}
LOOKUP = {
    "asks": Out(1),
    "memory": Out(INDEX_BITS),
    "high": Out(1),
    "told": In(1),
    "half": In(DATA_BITS),
}
UPDATE_PORT = wiring.Signature(
    {
        "transfer": Out(wiring.Signature(TRANSFER)),
        "lookup": Out(wiring.Signature(LOOKUP)),
        "digest": In(DIGEST_BITS),
        "counter": In(COUNTER_BITS),
        "state": In(UpdateState),
    }
)
"""Updates, as the registers see them.

Members
-------
transfer.begin : Out(1)
    For one cycle: a transfer of ``length`` bytes begins, or none.
transfer.push : Out(1)
    For one cycle: its next bytes are ``word``. Lost while it is ``full`` or not ``ready``.
transfer.full : In(1)
    For a time that ends by itself.
transfer.busy, .ready, .left, .done, .status, digest, counter, state : In
    What registers of such names show.
lookup.asks : Out(1)
    A half of a memory's check is wanted, the upper one if ``high``; until ``told``.
lookup.told : In(1)
    For one cycle: it is ``half``.
"""


class ContentsTransfer(wiring.Component):
    """Makes a frame of contents of each transfer, and keeps its status.

    A byte a cycle, and a cycle for each word.

    Members
    -------
    bus : In(TRANSFER)
    o : Out(CONTENTS_BYTES)
    i_status : In(lane_stream(1, signed(32)))
        The answer to each frame; a word, since its unit is told of one class.
    i_clear : In(1)
        Forget the transfer as this rises, and begin none meanwhile.
    i_drained : In(1)
        Nothing that was there before the transfer is in the core any more, and nothing can come.
    o_busy : Out(1)
        There is a transfer.
    o_restart : Out(1)
        For one cycle: what takes its bytes is to be reset, with a register in between.
    """

    bus: In(wiring.Signature(TRANSFER))
    o: Out(CONTENTS_BYTES)
    i_status: In(lane_stream(1, signed(32)))
    i_clear: In(1)
    i_drained: In(1)
    o_busy: Out(1)
    o_restart: Out(1)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        bus = self.bus
        opened, filled, cleared = Signal(), Signal(), Signal()
        word, at = Signal(DATA_BITS, reset_less=True), Signal(range(DATA_BITS // 8))
        moves, some = Signal(), bus.left.any()
        m.d.comb += [
            self.o.valid.eq(filled),
            self.o.payload.byte.eq(word[:8]),
            self.o.payload.last.eq(bus.left == 1),
            moves.eq(self.o.valid & self.o.ready),
            bus.full.eq(filled),
            bus.ready.eq(opened & some),
            self.o_busy.eq(bus.busy),
            self.o_restart.eq(bus.begin),
            self.i_status.ready.eq(1),
        ]
        m.d.sync += cleared.eq(self.i_clear)
        with m.If(bus.push & bus.ready & ~filled):
            m.d.sync += [word.eq(bus.word), filled.eq(1), at.eq(0)]
        with m.If(moves):
            m.d.sync += [word.eq(word >> 8), at.eq(at + 1), bus.left.eq(bus.left - 1)]
            with m.If((at == DATA_BITS // 8 - 1) | self.o.payload.last):
                m.d.sync += filled.eq(0)
        # What takes the bytes was reset a cycle ago at the latest.
        with m.If(bus.busy & self.i_drained & ~self.i_clear & ~cleared):
            m.d.sync += opened.eq(1)
        with m.If(opened & self.i_status.valid):
            m.d.sync += [
                bus.status.eq(self.i_status.payload[0].as_unsigned()),
                bus.done.eq(1),
                bus.busy.eq(0),
                opened.eq(0),
            ]
        with m.If(bus.begin | (self.i_clear & ~cleared)):
            m.d.sync += [
                bus.left.eq(Mux(bus.begin, bus.length, 0)),
                bus.busy.eq(bus.begin & bus.length.any()),
                bus.done.eq(0),
                filled.eq(0),
                opened.eq(0),
            ]
        return m


class CheckLookup(wiring.Component):
    """Looks checks of memories up while nothing changes.

    Members
    -------
    bus : In(LOOKUP)
    o_check, i_check, o_telling, i_changes
        As :class:`hw.link.contents.ContentsUnit` has them, from the other side.
    """

    bus: In(wiring.Signature(LOOKUP))
    o_check: Out(INDEX_BITS + 1)
    i_check: In(DATA_BITS)
    o_telling: Out(1)
    i_changes: In(1)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        bus = self.bus
        m.d.comb += [self.o_check.eq(Cat(bus.high, bus.memory)), bus.half.eq(self.i_check)]
        with m.FSM():
            with m.State("IDLE"), m.If(bus.asks & ~self.i_changes):
                m.d.sync += self.o_telling.eq(1)
                m.next = "LOOK"
            with m.State("LOOK"):
                m.next = "TELL"
            with m.State("TELL"):
                m.d.comb += bus.told.eq(1)
                m.d.sync += self.o_telling.eq(0)
                m.next = "IDLE"
        return m


class FrameGate(wiring.Component):
    """Holds frames back while contents change, so that none sees old and new ones.

    Held frames wait whole: none that has begun, or whose first byte is on offer, is stopped. Behind
    a reset it is closed, and opens a cycle later unless it is held. No latency, a byte a cycle.

    Members
    -------
    i, o : In, Out(lane_stream(1, unsigned(8)))
        Bytes of frames.
    i_last : In(1)
        With a transfer: it is a frame's last one.
    i_hold : In(1)
        Let no other frame begin.
    i_answered : In(1)
        For one cycle, for each frame: its answer has been taken.
    o_empty : Out(1)
        Nothing can come, and nothing is there that has come.
    """

    i: In(lane_stream(1, unsigned(8)))
    o: Out(lane_stream(1, unsigned(8)))
    i_last: In(1)
    i_hold: In(1)
    i_answered: In(1)
    o_empty: Out(1)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        closed, amid, inside = Signal(init=1), Signal(), Signal(range(FRAMES))
        moves, begins = Signal(), Signal()
        m.d.comb += [
            self.o.valid.eq(self.i.valid & ~closed),
            self.o.payload.eq(self.i.payload),
            self.i.ready.eq(self.o.ready & ~closed),
            moves.eq(self.o.valid & self.o.ready),
            begins.eq(moves & ~amid),
            self.o_empty.eq(closed & (inside == 0)),
        ]
        with m.If(moves):
            m.d.sync += amid.eq(~self.i_last)
        with m.If(~self.i_hold):
            m.d.sync += closed.eq(0)
        with m.Elif(Mux(moves, self.i_last, ~amid & ~self.o.valid)):
            m.d.sync += closed.eq(1)
        with m.If(begins & ~self.i_answered):
            m.d.sync += inside.eq(inside + 1)
        with m.Elif(self.i_answered & ~begins):
            m.d.sync += inside.eq(inside - 1)
        return m


class CoreUpdates(wiring.Component):
    """All that takes other contents for an accelerator's memories in a core.

    Parameters
    ----------
    info : CoreInfo
        Of a core that has updates.
    contents : ContentsConfig

    Members
    -------
    bus : In(UPDATE_PORT)
    i_clear : In(1)
        Forget a transfer that has begun; what memories hold, and what is told of it, stays.
    i_drained : In(1)
        While ``o_hold``: no frame is in the core.
    o_hold : Out(1)
        No frame may begin.
    o_load : Out(LOAD)
        For the accelerator.
    """

    def __init__(self, info: CoreInfo, contents: ContentsConfig):
        updates = info.updates
        assert updates is not None
        self._info = info
        # An answer to a frame of contents is as long as one to a frame: a word here.
        board = DeviceInfo(
            *(1, 1, 1, 1),
            info.clock_hz,
            info.digest,
            structure=updates.structure,
            memories=updates.memories,
            keyed=updates.keyed,
        )
        self._memories = updates.memories
        self._unit = ContentsUnit(board, contents)
        super().__init__(
            {
                "bus": In(UPDATE_PORT),
                "i_clear": In(1),
                "i_drained": In(1),
                "o_hold": Out(1),
                "o_load": Out(LOAD),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        bus, unit = self.bus, self._unit
        m.submodules.transfer = transfer = ContentsTransfer()
        m.submodules.lookup = lookup = CheckLookup()
        add_domain(m, "contents", self.i_clear | transfer.o_restart)
        m.submodules.unit = DomainRenamer("contents")(unit)
        wiring.connect(m, wiring.flipped(bus.transfer), transfer.bus)
        wiring.connect(m, wiring.flipped(bus.lookup), lookup.bus)
        wiring.connect(m, transfer.o, unit.i)
        wiring.connect(m, unit.o, transfer.i_status)
        own = Signal(init=1)
        m.d.sync += own.eq(unit.o_digest == int.from_bytes(self._info.digest, "little"))
        m.d.comb += [
            transfer.i_clear.eq(self.i_clear),
            transfer.i_drained.eq(self.i_drained),
            unit.i_check.eq(lookup.o_check),
            unit.i_telling.eq(lookup.o_telling),
            lookup.i_check.eq(Mux(bus.lookup.memory < self._memories, unit.o_check, 0)),
            lookup.i_changes.eq(unit.o_changes),
            self.o_hold.eq(transfer.o_busy | unit.o_updating),
            self.o_load.eq(unit.o_load),
            bus.digest.eq(unit.o_digest),
            bus.counter.eq(unit.o_counter),
            bus.state.eq(Mux(own, UpdateState.OWN, UpdateState.UPDATED)),
        ]
        with m.If(unit.o_updating):
            m.d.comb += bus.state.eq(UpdateState.UPDATING)
        return m
