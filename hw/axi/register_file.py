"""The registers of :mod:`protocol.registers`, behind an AXI4-Lite slave."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.axi.answers import CLASS_BITS
from hw.axi.frames import ERROR_BITS
from hw.axi.lite import AxiLiteSlave
from hw.axi.signatures import AXI_LITE, DATA_BITS, Response
from hw.axi.updates import INDEX_BITS, UPDATE_PORT
from hw.stream.stalls import COUNT_BITS
from protocol.register_kinds import Register
from protocol.registers import BY_NAME, WORD_BYTES, CoreInfo, fields

RESET_CYCLES = 16
"""Of a soft reset; longer than an accelerator's nodes take to notice one after another."""
DONE, ERROR = 0, 1
"""Bits of interrupts."""


class RegisterFile(wiring.Component):
    """Counts, tells, and takes commands.

    A core that has updates has registers for them too. Writes to ``UPDATE_DATA`` wait while bytes
    before are taken, and reads of checks while what the core holds changes; both come to an end.

    An access to an address without a register ends in ``DECERR``, a write to a register that has
    nothing to write in ``SLVERR``; neither changes anything, and such a read gives 0. Of a write,
    only the bytes count whose strobe is set.

    Parameters
    ----------
    info : CoreInfo

    Members
    -------
    bus : In(AXI_LITE)
    i_judged : In(1)
        For one cycle: a frame has been taken to its end.
    i_error : In(2)
        Then: what was wrong with it.
    i_done : In(1)
        For one cycle: the answer to a frame has been taken.
    i_class : In(16)
    i_malformed : In(1)
        Of the last one of these, from the next cycle on.
    o_stream : Out(range(info.layers))
        Which layer's stalls to show.
    i_stalls : In(32)
        They, in the same cycle.
    o_clear : Out(1)
        Forget all frames; for :data:`RESET_CYCLES`. A register.
    o_irq : Out(1)
        A register.
    updates : Out(UPDATE_PORT)
        Only of a core that has updates.
    """

    def __init__(self, info: CoreInfo):
        self._info = info
        updates = {} if info.updates is None else {"updates": Out(UPDATE_PORT)}
        super().__init__(
            {
                "bus": In(AXI_LITE),
                "i_judged": In(1),
                "i_error": In(ERROR_BITS),
                "i_done": In(1),
                "i_class": In(CLASS_BITS),
                "i_malformed": In(1),
                "o_stream": Out(range(max(info.layers, 2))),
                "i_stalls": In(COUNT_BITS),
                "o_clear": Out(1),
                "o_irq": Out(1),
            }
            | updates
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        m.submodules.lite = lite = AxiLiteSlave(waits=self._info.updates is not None)
        wiring.connect(m, wiring.flipped(self.bus), lite.bus)
        self._data = lite.o_data
        written = self._written(m, lite)
        enable = self._kept(m, written, "INTERRUPT_ENABLE")
        index = self._kept(m, written, "STALL_INDEX")
        self._clear(m, written["CONTROL"][0])
        values = self._counters(m)
        status = self._interrupts(m, written["INTERRUPT_STATUS"])
        m.d.comb += self.o_stream.eq(index)
        m.d.sync += self.o_irq.eq((status & enable).any())
        values |= {
            ("INTERRUPT_ENABLE", "FRAME_DONE"): enable[DONE],
            ("INTERRUPT_ENABLE", "FRAME_ERROR"): enable[ERROR],
            ("INTERRUPT_STATUS", "FRAME_DONE"): status[DONE],
            ("INTERRUPT_STATUS", "FRAME_ERROR"): status[ERROR],
            ("CONTROL", "SOFT_RESET"): Const(0),
            ("STALL_INDEX", "INDEX"): index,
            ("STALL_COUNT", "SAMPLES"): Mux(index < self._info.layers, self.i_stalls, 0),
            ("TOP1", "CLASS"): self.i_class,
            ("TOP1", "MALFORMED"): self.i_malformed,
        }
        values |= {key: Const(value, 32) for key, value in self._info.constants.items()}
        if self._info.updates is not None:
            values |= self._updates(m, lite, written)
        self._show(m, lite, values)
        return m

    def _written(self, m: Module, lite: AxiLiteSlave) -> dict[str, Signal]:
        """By writable register: the bits that are written in a cycle. Answers writes, too."""
        strobes = Cat(bit.replicate(8) for bit in lite.o_strobe)
        found = {}
        m.d.comb += lite.i_write_response.eq(Response.DECERR)
        with m.Switch(lite.o_write_word):
            for register in self._info.registers:
                with m.Case(register.address // WORD_BYTES):
                    answer = Response.OKAY if register.writable else Response.SLVERR
                    m.d.comb += lite.i_write_response.eq(answer)
                    if register.writable:
                        mask = Signal(DATA_BITS, name=f"{register.name.lower()}_mask")
                        m.d.comb += mask.eq(Mux(lite.o_write, strobes, 0))
                        found[register.name] = mask
        return found

    def _kept(self, m: Module, written: dict[str, Signal], name: str) -> Signal:
        """What was written to a register, whose fields stand side by side from bit 0 on."""
        bits = sum(field.bits for field in BY_NAME[name].fields)
        kept, mask = Signal(bits, name=name.lower()), written[name][:bits]
        m.d.sync += kept.eq((kept & ~mask) | (self._data[:bits] & mask))
        return kept

    def _clear(self, m: Module, mask: Value) -> None:
        """A soft reset lasts for some cycles; another one meanwhile makes it last from then on."""
        left = Signal(range(RESET_CYCLES))
        with m.If(mask & self._data[0]):
            m.d.sync += [self.o_clear.eq(1), left.eq(RESET_CYCLES - 1)]
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        with m.Else():
            m.d.sync += self.o_clear.eq(0)

    def _counters(self, m: Module) -> dict[tuple[str, str], Value]:
        """Count frames; remember the last error."""
        wrong = self.i_judged & (self.i_error != 0)
        events = {"ACCEPTED": self.i_judged, "ANSWERED": self.i_done, "MALFORMED": wrong}
        values: dict[tuple[str, str], Value] = {}
        for name, event in events.items():
            happened = Signal(name=f"{name.lower()}_now")
            count = Signal(DATA_BITS, name=name.lower())
            m.d.sync += [happened.eq(event), count.eq(count + happened)]
            with m.If(self.o_clear):
                m.d.sync += count.eq(0)
            values[name, "COUNT"] = count
        kind = Signal(ERROR_BITS)
        with m.If(self.o_clear):
            m.d.sync += kind.eq(0)
        with m.Elif(wrong):
            m.d.sync += kind.eq(self.i_error)
        return values | {("LAST_ERROR", "KIND"): kind}

    def _interrupts(self, m: Module, mask: Signal) -> Signal:
        """What has happened; what happens while it is cleared stays."""
        status, events = Signal(2), Signal(2)
        cleared = self._data[:2] & mask[:2]
        m.d.comb += events.eq(Cat(self.i_done, self.i_judged & (self.i_error != 0)))
        m.d.sync += status.eq((status & ~cleared) | events)
        with m.If(self.o_clear):
            m.d.sync += status.eq(0)
        return status

    def _updates(
        self, m: Module, lite: AxiLiteSlave, written: dict[str, Signal]
    ) -> dict[tuple[str, str], Value]:
        """Transfers and lookups; nothing else makes an access wait."""
        bus = self.updates
        transfer, lookup = bus.transfer, bus.lookup
        index = self._kept(m, written, "CHECK_INDEX")
        low, high = (lite.o_read_word == _word_of(name) for name in ("CHECK_LOW", "CHECK_HIGH"))
        m.d.comb += [
            # Part of a length is none, and part of a word is none of a stream.
            transfer.begin.eq(written["UPDATE_LENGTH"][: len(transfer.length)].all()),
            transfer.length.eq(self._data[: len(transfer.length)]),
            transfer.push.eq(written["UPDATE_DATA"].all()),
            transfer.word.eq(self._data),
            lite.i_write_wait.eq(transfer.full & (lite.o_write_word == _word_of("UPDATE_DATA"))),
            lookup.asks.eq(lite.o_reads & (low | high)),
            lookup.memory.eq(Mux(index[INDEX_BITS:].any(), ~0, index)),
            lookup.high.eq(high),
            lite.i_read_wait.eq((low | high) & ~lookup.told),
        ]
        return {
            ("DIGEST_LOW", "DIGEST"): bus.digest[:DATA_BITS],
            ("DIGEST_HIGH", "DIGEST"): bus.digest[DATA_BITS:],
            ("UPDATE_COUNTER", "COUNTER"): bus.counter,
            ("UPDATE_STATUS", "STATE"): Value.cast(bus.state),
            ("UPDATE_STATUS", "BUSY"): transfer.busy,
            ("UPDATE_STATUS", "READY"): transfer.ready,
            ("UPDATE_STATUS", "LEFT"): transfer.left,
            ("UPDATE_RESULT", "STATUS"): Value.cast(transfer.status),
            ("UPDATE_RESULT", "DONE"): transfer.done,
            ("UPDATE_LENGTH", "BYTES"): Const(0),
            ("UPDATE_DATA", "BYTES"): Const(0),
            ("CHECK_INDEX", "INDEX"): index,
            ("CHECK_LOW", "CHECK"): lookup.half,
            ("CHECK_HIGH", "CHECK"): lookup.half,
        }

    def _show(self, m: Module, lite: AxiLiteSlave, values: dict[tuple[str, str], Value]) -> None:
        """What is read, a cycle after it is asked for; for one word in the map or none."""
        registers = self._info.registers
        assert values.keys() == {(r.name, field.name) for r, field in fields(registers)}
        count = registers[-1].address // WORD_BYTES + 1
        words: list[Value] = [Const(0, DATA_BITS)] * count
        mapped = 0
        for register in registers:
            words[register.address // WORD_BYTES] = _word(register, values)
            mapped |= 1 << register.address // WORD_BYTES
        place = lite.o_read_word[: (count - 1).bit_length()]
        inside = lite.o_read_word < count
        known = inside & Const(mapped, count).bit_select(place, 1)
        shown, found = Signal(DATA_BITS), Signal()
        with m.If(lite.o_read):
            m.d.sync += [shown.eq(Mux(known, Array(words)[place], 0)), found.eq(known)]
        m.d.comb += [
            lite.i_data.eq(shown),
            lite.i_read_response.eq(Mux(found, Response.OKAY, Response.DECERR)),
        ]


def _word_of(name: str) -> int:
    """Which word a register is."""
    return BY_NAME[name].address // WORD_BYTES


def _word(register: Register, values: dict[tuple[str, str], Value]) -> Value:
    """What a register reads as."""
    parts: list[Value] = []
    at = 0
    for field in register.fields:
        value = values[register.name, field.name] | Const(0, field.bits)
        parts += [Const(0, field.low - at), value[: field.bits]]
        at = field.low + field.bits
    return Cat(*parts, Const(0, DATA_BITS - at))
