"""What the board says to the host: which packet next, and its words."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.link.receiver import COMMAND, INDEX_BITS, SEQUENCE_BITS
from hw.link.results import CYCLE_BITS
from hw.link.sender import WORD
from protocol.messages import NETWORK_BYTES, DeviceInfo
from protocol.packets import (
    CONTENTS,
    CREDIT,
    HEADER,
    INFO,
    KEYED,
    RESULT,
    STALL,
    STATISTICS,
    SUMS,
    UPDATING,
    Form,
    Kind,
)

STATISTICS_LAYOUT = data.StructLayout(STATISTICS.bits)
HEADER_WORDS = HEADER.size // 4
FIRST_STALL = HEADER_WORDS + STATISTICS.size // 4
"""Word of a ``STATISTICS`` packet."""
FIRST_CHECK = HEADER_WORDS + CONTENTS.size // 4
"""Word of a ``CONTENTS`` packet."""
_TELLING = (Kind.INFO, Kind.CONTENTS)
"""What tells what the board holds."""
RESET_CYCLES = 16
"""How long a reset that the host asks for lasts: longer than what has no reset takes to empty."""


class Responder(wiring.Component):
    """Answers commands, acknowledges, and sends results, in this order when several are due.

    A result goes before a second acknowledgement, so that a line full of refused packets does not
    hold results up.

    A command that comes while another waits is lost: hosts ask one thing at a time. A reset begins
    when no packet is under way, and is answered when it is over.

    Parameters
    ----------
    info : DeviceInfo

    Members
    -------
    i_command : In(COMMAND)
        A command, when ``i_commanded`` is high.
    i_commanded : In(1)
    i_sequence, i_index : In(16)
        Of the packet of a frame that is taken next.
    i_credit : In(range(credits + 1))
        Places for such packets.
    i_freed, i_refused : In(1)
        For one cycle: there is a place more; a packet was refused.
    i_statistics : In(STATISTICS_LAYOUT)
    i_stalls : In(32)
        Samples in which stream ``o_stream`` was stalled.
    o_stream : Out(range(streams))
    i_sums : In(stream.Signature(32))
    i_complete : In(1)
        All sums of the next frame are in ``i_sums``.
    i_cycles : In(32)
        Of that frame.
    i_malformed : In(1)
        It was refused.
    i_digest, i_counter, i_updating : In
        Only with ``info.memories``, as all up to ``i_changes``: what ``INFO`` says of updates.
    o_check : Out(range(2 * info.memories))
        Which half of which memory's check to look up.
    i_check : In(32)
        It, a cycle later.
    o_telling : Out(1)
        What the board holds is being told.
    i_changes : In(1)
        It changes; commands that ask for it wait.
    o : Out(stream.Signature(WORD))
        Header and payload of one packet after the other, a word in two cycles at most. A register.
    o_clear : Out(1)
        Reset all that holds frames.
    o_begin : Out(1)
        For one cycle, after that: frames begin again, with sequence number ``o_sequence``.
    o_sequence : Out(16)
    """

    def __init__(self, info: DeviceInfo):
        self._info = info
        super().__init__(
            {
                "i_command": In(COMMAND),
                "i_commanded": In(1),
                "i_sequence": In(SEQUENCE_BITS),
                "i_index": In(INDEX_BITS),
                "i_credit": In(range(info.credits + 1)),
                "i_freed": In(1),
                "i_refused": In(1),
                "i_statistics": In(STATISTICS_LAYOUT),
                "i_stalls": In(8 * STALL.size),
                "o_stream": Out(range(max(info.streams, 2))),
                "i_sums": In(stream.Signature(32)),
                "i_complete": In(1),
                "i_cycles": In(CYCLE_BITS),
                "i_malformed": In(1),
                "o": Out(stream.Signature(WORD)),
                "o_clear": Out(1),
                "o_begin": Out(1),
                "o_sequence": Out(SEQUENCE_BITS),
                **(_update_ports(info) if info.memories else {}),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        busy, begins, ends = Signal(), Signal(), Signal()
        kind = Signal(Kind)
        command, pending, resets = self._command(m, busy)
        sequence, part = Signal(SEQUENCE_BITS), Signal(range(max(self._info.parts, 2)))
        due, refused = Signal(), Signal()
        acknowledged = (kind == Kind.ACK) | (kind == Kind.NACK)
        acknowledges = due & ~(acknowledged & self.i_complete)
        with m.If(~busy):
            m.d.comb += begins.eq(pending | (~resets & (due | self.i_complete)))
            m.d.sync += [busy.eq(begins), kind.eq(Kind.RESULT)]
            with m.If(acknowledges):
                m.d.sync += kind.eq(Mux(refused, Kind.NACK, Kind.ACK))
            with m.If(pending):
                m.d.sync += kind.eq(command.kind)
            with m.If(begins & ~pending & acknowledges):
                m.d.sync += [due.eq(0), refused.eq(0)]
        with m.Elif(ends):
            m.d.sync += busy.eq(0)
        with m.If(self.i_freed | self.i_refused):
            m.d.sync += due.eq(1)
        with m.If(self.i_refused):
            m.d.sync += refused.eq(1)
        last_part = part == self._info.parts - 1
        # A cycle after the reset, which the domain that it resets notices a cycle late.
        m.d.sync += self.o_begin.eq(begins & pending & resets)
        m.d.comb += self.o_sequence.eq(command.sequence)
        with m.If(self.o_begin):
            m.d.sync += [sequence.eq(command.sequence), part.eq(0)]
        with m.Elif(ends & (kind == Kind.RESULT)):
            m.d.sync += part.eq(part + 1)
            with m.If(last_part):
                m.d.sync += [part.eq(0), sequence.eq(sequence + 1)]
        places = self._places(kind, command, Cat(sequence, part))
        self._words(m, busy, ends, kind, places, last_part)
        return m

    def _command(self, m: Module, busy: Signal) -> tuple[Signal, Signal, Signal]:
        """The command that waits, whether it may be answered now, and whether it is a reset."""
        command, waits, cleared = Signal(COMMAND, reset_less=True), Signal(), Signal()
        left = Signal(range(RESET_CYCLES), init=RESET_CYCLES - 1)
        pending, resets = Signal(), Signal()
        may = cleared | ~resets
        if self._info.memories:
            may &= ~(self.i_changes & command.kind.matches(*_TELLING))
        m.d.comb += [
            resets.eq(waits & (command.kind == Kind.RESET)),
            pending.eq(waits & may),
            self.o_clear.eq(resets & ~cleared & ~busy),
        ]
        with m.If(self.i_commanded & ~waits):
            m.d.sync += [waits.eq(1), command.eq(self.i_command)]
        with m.If(self.o_clear):
            m.d.sync += [left.eq(left - 1), cleared.eq(left == 0)]
        with m.If(pending & ~busy):
            m.d.sync += [waits.eq(0), cleared.eq(0)]
        return command, pending, resets

    def _places(self, kind: Signal, command: Signal, result: Value) -> Value:
        """Sequence and index of a packet of this kind."""
        acknowledges = (kind == Kind.ACK) | (kind == Kind.NACK)
        place = Cat(self.i_sequence, self.i_index)
        return Mux(acknowledges, place, Mux(kind == Kind.RESULT, result, command.sequence))

    def _words(
        self,
        m: Module,
        busy: Signal,
        ends: Signal,
        kind: Signal,
        places: Value,
        last_part: Value,
    ) -> None:
        """The words of the packet of this kind, one after the other.

        Registers hold all that follows from kind and place; whoever takes words, takes longer.
        """
        position = Signal(range(HEADER_WORDS + self._longest // 4))
        settled, first, last = Signal(), Signal(reset_less=True), Signal(reset_less=True)
        stalls, sums = Signal(reset_less=True), Signal(reset_less=True)
        early, word = Signal(32, reset_less=True), Signal(WORD, reset_less=True)
        gives = Signal()
        m.d.comb += [gives.eq(settled & ~self.o.valid), self.o.payload.eq(word)]
        with m.If(gives):
            m.d.sync += [self.o.valid.eq(1), position.eq(Mux(last, 0, position + 1))]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        m.d.sync += [
            settled.eq(busy & ~gives),
            first.eq(position == 0),
            self.o_stream.eq(position - FIRST_STALL),
            stalls.eq((kind == Kind.STATISTICS) & (position >= FIRST_STALL)),
            sums.eq((kind == Kind.RESULT) & (position >= HEADER_WORDS + 2)),
        ]
        looked_up = Mux(stalls, self.i_stalls, early)
        if self._info.memories:
            looked_up = self._tell_contents(m, busy, kind, position, looked_up)
        length = self._length(m, kind, last_part)
        # The header comes first, so that the length is settled by then.
        m.d.sync += [
            last.eq(position == HEADER_WORDS - 1 + (length >> 2)),
            early.eq(self._payload(m, kind, position)),
        ]
        with m.If(position == 0):
            m.d.sync += early.eq(places)
        with m.Elif(position == 1):
            refused = (kind == Kind.RESULT) & self.i_malformed
            form = Mux(refused, Form.REFUSED, Const(0, 8))
            m.d.sync += early.eq(Cat(kind | Const(0, 8), form, length))
        with m.If(~self.o.valid):
            m.d.sync += [
                word.word.eq(Mux(sums, self.i_sums.payload, looked_up)),
                word.first.eq(first),
                word.last.eq(last),
            ]
        m.d.comb += [self.i_sums.ready.eq(gives & sums), ends.eq(gives & last)]

    def _tell_contents(
        self, m: Module, busy: Signal, kind: Signal, position: Signal, other: Value
    ) -> Value:
        """The word of a ``CONTENTS`` packet, or that of another one.

        Parameters
        ----------
        m : Module
        busy, kind : Signal
            A packet is under way, of this kind.
        position : Signal
            Of the word.
        other : value
            What is in that of another packet, or in its header.
        """
        contents, head = Signal(reset_less=True), Signal(reset_less=True)
        first = Signal(32, reset_less=True)
        m.d.sync += [
            contents.eq((kind == Kind.CONTENTS) & (position >= HEADER_WORDS)),
            head.eq(position < FIRST_CHECK),
            first.eq(Mux(position[0], self._update, self.i_counter)),
        ]
        m.d.comb += [
            self.o_check.eq(position - FIRST_CHECK),
            self.o_telling.eq(busy & kind.matches(*_TELLING)),
        ]
        return Mux(contents, Mux(head, first, self.i_check), other)

    @property
    def _longest(self) -> int:
        """Bytes of the longest payload."""
        info = self._info
        return max(RESULT.size + 4 * SUMS, info.statistics_bytes, info.contents_bytes)

    def _length(self, m: Module, kind: Signal, last_part: Value) -> Signal:
        """Bytes of the payload of a packet of this kind, a cycle later."""
        info = self._info
        length = Signal(range(self._longest + 1), reset_less=True)
        last_sums = info.classes - (info.parts - 1) * SUMS
        m.d.sync += length.eq(0)
        with m.Switch(kind):
            with m.Case(Kind.INFO):
                m.d.sync += length.eq(INFO.size)
            with m.Case(Kind.STATISTICS):
                m.d.sync += length.eq(info.statistics_bytes)
            with m.Case(Kind.ACK, Kind.NACK):
                m.d.sync += length.eq(CREDIT.size)
            with m.Case(Kind.RESULT):
                m.d.sync += length.eq(RESULT.size + 4 * Mux(last_part, last_sums, SUMS))
            if info.memories:
                with m.Case(Kind.CONTENTS):
                    m.d.sync += length.eq(info.contents_bytes)
        return length

    def _payload(self, m: Module, kind: Signal, position: Signal) -> Value:
        """The word at a position of a payload, but for class sums and stalls.

        Registers tell the kind, which are settled by when the header has been sent.
        """
        info = self._info
        informs, counts = Signal(reset_less=True), Signal(reset_less=True)
        acknowledges = Signal(reset_less=True)
        m.d.sync += [
            informs.eq(kind == Kind.INFO),
            counts.eq(kind == Kind.STATISTICS),
            acknowledges.eq(kind.matches(Kind.ACK, Kind.NACK)),
        ]
        network: Value = Const(int.from_bytes(info.digest[:NETWORK_BYTES], "little"), 32)
        about: Value = Const(int.from_bytes(info.encode(), "little"), 8 * INFO.size)
        if info.memories:
            network, about = self.i_digest[: 8 * NETWORK_BYTES], self._about()
        result = Mux(position == HEADER_WORDS, self.i_cycles, network)
        told = Mux(counts, _word(self.i_statistics.as_value(), position), result)
        told = Mux(informs, _word(about, position), told)
        return Mux(acknowledges, self.i_credit, told)

    @property
    def _update(self) -> Value:
        """What is told of updates, as bits."""
        return KEYED * self._info.keyed | Mux(self.i_updating, UPDATING, 0)

    def _about(self) -> Value:
        """What the board says of itself, some of which updates change."""
        fixed = INFO.decode(self._info.encode())
        now = {"digest": self.i_digest, "update": self._update, "counter": self.i_counter}
        fields = (
            (now[name] | Const(0, bits))[:bits] if name in now else Const(fixed[name], bits)
            for name, bits in INFO.bits.items()
        )
        return Cat(fields)


def _update_ports(info: DeviceInfo) -> dict[str, wiring.Member]:
    """Ports of a board with memories."""
    return {
        "i_digest": In(INFO.bits["digest"]),
        "i_counter": In(INFO.bits["counter"]),
        "i_updating": In(1),
        "o_check": Out(range(2 * info.memories)),
        "i_check": In(32),
        "o_telling": Out(1),
        "i_changes": In(1),
    }


def _word(block: Value, position: Signal) -> Value:
    """The word of a payload that is at a position in its packet: its place modulo a power of 2."""
    words = [block[start : start + 32] for start in range(0, len(block), 32)]
    size = 1 << (len(words) - 1).bit_length()
    words += [words[0]] * (size - len(words))
    turned = [words[(index - HEADER_WORDS) % size] for index in range(size)]
    return Array(turned)[position[: size.bit_length() - 1]]
