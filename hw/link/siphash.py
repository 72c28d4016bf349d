"""SipHash-2-4: what proves that bytes come from someone who has the key."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

HASHED_BYTE = data.StructLayout({"byte": 8, "last": 1})
TAG_BITS = 64
KEY_BYTES = 16
_WORD_BYTES = 8
_TEXTS = (b"somepseu", b"dorandom", b"lygenera", b"tedbytes")
"""What the key is added to, as the algorithm has it, the first letter most significant."""
_FINAL = 0xFF
"""Goes into v2 before the last rounds."""


class _Now:
    """What happens to the state in a cycle; all of these are registers.

    Attributes
    ----------
    adds, mixes : Signal
        The two steps of half a round.
    takes : Signal
        It mixes for the last time in the rounds before a word, or before the last rounds.
    absorbs : Signal
        There is a word, which goes in with that.
    flips : Signal
        It adds for the first time in the last rounds.
    """

    def __init__(self) -> None:
        names = ("adds", "mixes", "takes", "absorbs", "flips")
        self.all = [Signal(name=name, reset_less=True) for name in names]
        self.adds, self.mixes, self.takes, self.absorbs, self.flips = self.all


class SipHash(wiring.Component):
    """SipHash-2-4 of one message after another.

    A byte a cycle. The tag comes some 26 to 34 cycles behind the last byte, and the next message is
    taken when it has left. Of v0 to v3, two are added to in one cycle, and the other two take
    that up in the next, so that no path has more than an adder of 64 bits or two LUTs. With them
    two rounds take the eight cycles in which a word comes.

    Parameters
    ----------
    key : bytes
        16 of them.

    Members
    -------
    i : In(stream.Signature(HASHED_BYTE))
        Messages of one byte or more.
    o : Out(stream.Signature(64))
        Their tags, the first byte lowest.
    i_clear : In(1)
        Forget what has come. No other reset does, for so many registers would be far from it.

    Raises
    ------
    ValueError
        If the key is not of 16 bytes.
    """

    i: In(stream.Signature(HASHED_BYTE))
    o: Out(stream.Signature(TAG_BITS))
    i_clear: In(1)

    def __init__(self, key: bytes):
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        self._start = _start(key)
        super().__init__()

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        now = _Now()
        word, ends = (Signal(bits, reset_less=True) for bits in (TAG_BITS, 1))
        comes = Signal()
        state = [
            *now.all,
            ends,
            *self._gather(m, now, word, ends, comes),
            *self._sequence(m, now, ends, comes),
            *self._rounds(m, now, word),
        ]
        with m.If(self.i_clear | (self.o.valid & self.o.ready)):
            m.d.sync += [value.eq(value.init) for value in state]
        return m

    def _gather(
        self, m: Module, now: _Now, word: Signal, ends: Signal, comes: Signal
    ) -> tuple[Signal, ...]:
        """Make words of bytes: behind the last byte zeros, and in the last place their number.

        Returns what has to be cleared, as the others do.

        Parameters
        ----------
        m : Module
        now : _Now
        word : Signal
            What has come of it.
        ends, comes : Signal
            It is the message's last one; it is complete in the next cycle.
        """
        place, length, full, pads = (
            Signal(bits, name=name, reset_less=True)
            for name, bits in (("place", 3), ("length", 8), ("full", 1), ("pads", 1))
        )
        shifts, byte = Signal(), Signal(8)
        room, in_last_place = ~full | now.takes, place == _WORD_BYTES - 1
        m.d.comb += [
            self.i.ready.eq(room & ~pads & ~ends),
            shifts.eq(room & ~ends & (pads | self.i.valid)),
            comes.eq((full & ~now.takes) | (shifts & in_last_place)),
            byte.eq(self.i.payload.byte),
        ]
        m.d.sync += full.eq(comes)
        with m.If(pads):
            m.d.comb += byte.eq(Mux(in_last_place, length, 0))
        with m.If(shifts):
            m.d.sync += [
                word.eq(Cat(word[8:], byte)),
                place.eq(place + 1),
                ends.eq(pads & in_last_place),
            ]
            with m.If(~pads):
                m.d.sync += [length.eq(length + 1), pads.eq(self.i.payload.last)]
        return place, length, full, pads

    def _sequence(self, m: Module, now: _Now, ends: Signal, comes: Signal) -> tuple[Signal, ...]:
        """Two rounds for each word, and four behind the last one.

        Parameters
        ----------
        m : Module
        now : _Now
        ends, comes : Signal
            As :meth:`_gather` has them.
        """
        # Half rounds of this word, or of the last ones.
        turn = Signal(3, reset_less=True)
        waits = Signal(init=1, reset_less=True)
        final, finishes, done = (
            Signal(name=name, reset_less=True) for name in ("final", "finishes", "done")
        )
        may, over, stops = Signal(), Signal(), Signal()
        m.d.comb += [
            may.eq(comes | final),
            over.eq(waits | (now.adds & (turn == 3) & ~finishes)),
            stops.eq(now.mixes & finishes & (turn == 7)),
        ]
        m.d.sync += [
            waits.eq(over & ~may),
            now.takes.eq(over & may),
            now.absorbs.eq(over & ~final & may),
            now.mixes.eq((over & may) | (now.adds & ~over)),
            now.adds.eq(now.mixes & ~stops),
            now.flips.eq(now.takes & final),
        ]
        with m.If(now.takes):
            m.d.sync += [turn.eq(0), final.eq(ends & ~final), finishes.eq(final)]
        with m.Elif(now.mixes):
            m.d.sync += turn.eq(turn + 1)
        with m.If(stops):
            m.d.sync += done.eq(1)
        m.d.comb += self.o.valid.eq(done)
        return turn, waits, final, finishes, done

    def _rounds(self, m: Module, now: _Now, word: Signal) -> tuple[Signal, ...]:
        """The state, half a round in two steps.

        In each half two pairs are added: v0 and v1, v2 and v3 in the first one, v2 and v1, v0 and
        v3 in the second. So ``a`` and ``c``, which are v0 and v2, change places in each.
        """
        a, x, c, y = (
            Signal(TAG_BITS, name=name, init=start, reset_less=True)
            for name, start in zip("axcy", self._start, strict=True)
        )
        # A word goes into v3 before its rounds, and into v0 behind them: in the cycle after that in
        # which the next one is taken.
        taken, before = Signal(TAG_BITS, reset_less=True), Signal(TAG_BITS)
        half = Signal(init=1, reset_less=True)
        m.d.sync += before.eq(0)
        with m.If(now.takes):
            m.d.sync += [taken.eq(word), before.eq(taken)]
        with m.If(now.adds):
            m.d.sync += [
                a.eq((c ^ Mux(now.flips, _FINAL, 0)) + y),
                c.eq((x + (a ^ before))[:TAG_BITS].rotate_left(32)),
            ]
        with m.If(now.mixes):
            absorbed = a ^ Mux(now.absorbs, word, 0)
            m.d.sync += [
                half.eq(~half),
                x.eq(Mux(half, x.rotate_left(17), x.rotate_left(13)) ^ c.rotate_left(32)),
                y.eq(Mux(half, y.rotate_left(21), y.rotate_left(16)) ^ absorbed),
            ]
        m.d.comb += self.o.payload.eq(a ^ x ^ c ^ y)
        return taken, half, a, x, c, y


def _start(key: bytes) -> tuple[int, int, int, int]:
    """The state before the first word is taken: as if half a round still had to mix."""
    halves = [int.from_bytes(key[start : start + 8], "little") for start in (0, 8)]
    v0, v1, v2, v3 = (
        int.from_bytes(text, "big") ^ halves[at % 2] for at, text in enumerate(_TEXTS)
    )
    return v0, _turned(v1 ^ _turned(v2, 32), 64 - 17), v2, _turned(v3 ^ v0, 64 - 21)


def _turned(value: int, bits: int) -> int:
    """64 bits rotated to the left."""
    return (value << bits | value >> TAG_BITS - bits) % (1 << TAG_BITS)
