"""Packets as datagrams: between the packet layer and the UDP port of a Ethernet core."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.link.packet import PACKETS
from hw.stream.fifo import MemoryKind, StreamFifo
from protocol.messages import DeviceInfo
from protocol.packets import HEADER, Kind

PEER = data.StructLayout({"address": 32, "port": 16})
"""IPv4 address and UDP port of whoever sends to the board, and is answered."""
WAITING = 4
"""Datagrams that may wait to be sent."""
_KIND_AT = (HEADER.bits["sequence"] + HEADER.bits["index"]) // 8
"""The byte of a packet that says its kind."""


def received(width: int) -> stream.Signature:
    """Words of datagrams that have come, ``width`` bits each, the first byte lowest.

    ``keep`` has the bit of the last byte set, in the last word of a datagram. ``error`` says that
    the Ethernet frame around it was damaged.
    """
    fields = {"data": width, "keep": width // 8, "last": 1, "error": 1, "peer": PEER}
    return stream.Signature(data.StructLayout(fields))


def sent(width: int) -> stream.Signature:
    """Words of datagrams to send; ``length`` is in bytes, and whole words."""
    fields = {"data": width, "last": 1, "length": 16, "peer": PEER}
    return stream.Signature(data.StructLayout(fields))


class DatagramPort(wiring.Component):
    """One packet a datagram, both ways.

    Inwards a byte a cycle; a damaged datagram comes with a damaged packet. Outwards a byte a cycle
    is taken; a packet leaves a word a cycle when all of it is there, so that the line never waits
    for it. An ``INFO`` goes to whoever asked for one last, which may be someone who looks for
    boards while another host has this one; everything else goes to whom ``i_adopt`` names.

    Parameters
    ----------
    info : DeviceInfo
        Says how long packets can be.
    width : 8 or 32
        Bits of the Ethernet core's words.

    Members
    -------
    i : In(received(width))
    o : Out(sent(width))
    i_packets : In(PACKETS)
        With ``last``, and whole words long.
    o_packets : Out(PACKETS)
        With ``first``.
    o_lost : Out(1)
        For one cycle: a damaged datagram came.
    i_adopt : In(1)
        For one cycle, between two packets: from now on, answer the sender of the packet that came
        last.

    Raises
    ------
    ValueError
        If ``width`` is neither 8 nor 32.
    """

    def __init__(self, info: DeviceInfo, width: int):
        if width not in (8, 32):
            raise ValueError(f"the words of a Ethernet core are 8 or 32 bits, not {width}")
        self._info, self._width = info, width
        super().__init__(
            {
                "i": In(received(width)),
                "o": Out(sent(width)),
                "i_packets": In(PACKETS),
                "o_packets": Out(PACKETS),
                "o_lost": Out(1),
                "i_adopt": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        last_peer, peer, asker = Signal(PEER), Signal(PEER), Signal(PEER)
        asked = Signal()
        with m.If(self.i_adopt):
            m.d.sync += peer.eq(last_peer)
        with m.If(asked):
            m.d.sync += asker.eq(last_peer)
        m.d.sync += asked.eq(_says_info(m, self.o_packets))
        self._inwards(m, last_peer)
        self._outwards(m, peer, asker)
        return m

    def _inwards(self, m: Module, peer: Signal) -> None:
        """Words taken apart; the sender of each packet into ``peer``."""
        word, packet = self.i.payload, self.o_packets.payload
        count = self._width // 8
        begun = Signal()
        index = Signal(range(count)) if count > 1 else Const(0)
        turn = (index == count - 1) | (word.last & word.keep.bit_select(index, 1))
        end = word.last & turn
        m.d.comb += [
            self.o_packets.valid.eq(self.i.valid),
            packet.byte.eq(word.data.word_select(index, 8) ^ word.error),
            packet.first.eq(~begun),
            packet.last.eq(end),
            self.i.ready.eq(self.o_packets.ready & turn),
            self.o_lost.eq(self.i.valid & self.i.ready & end & word.error),
        ]
        with m.If(self.o_packets.valid & self.o_packets.ready):
            m.d.sync += begun.eq(~end)
            if count > 1:
                m.d.sync += index.eq(Mux(turn, 0, index + 1))
            with m.If(~begun):
                m.d.sync += peer.eq(word.peer)

    def _outwards(self, m: Module, peer: Signal, asker: Signal) -> None:
        """Packets kept until they are complete, then sent with their length."""
        width, count = self._width, self._width // 8
        longest = self._info.longest_answer
        depth = 1 << (longest // count - 1).bit_length()
        kind: MemoryKind = "lut" if depth <= 64 else "block"
        m.submodules.words = words = StreamFifo(width + 1, depth, kind)
        waiting = data.StructLayout({"length": range(longest + 1), "info": 1})
        m.submodules.waiting = waits = StreamFifo(waiting, WAITING)
        packet, taken = self.i_packets.payload, Signal()
        info, says_info = Signal(), _says_info(m, self.i_packets)
        with m.If(taken & packet.last):
            m.d.sync += info.eq(0)
        with m.Elif(says_info):
            m.d.sync += info.eq(1)
        length = Signal(range(longest + 1), init=1)
        whole = True
        word = packet.byte
        if count > 1:
            begun, index = Signal(width - 8), Signal(range(count))
            whole = index == count - 1
            word = Cat(begun, packet.byte)
            with m.If(taken):
                m.d.sync += [begun.eq(word[8:]), index.eq(index + 1)]
        m.d.comb += [
            self.i_packets.ready.eq(words.i.ready & waits.i.ready),
            taken.eq(self.i_packets.valid & self.i_packets.ready),
            words.i.valid.eq(taken & whole),
            words.i.payload.eq(Cat(word, packet.last)),
            waits.i.valid.eq(taken & packet.last),
            waits.i.payload.length.eq(length),
            waits.i.payload.info.eq(info),
        ]
        with m.If(taken):
            m.d.sync += length.eq(Mux(packet.last, 1, length + 1))
        sending, ends = Signal(), Signal()
        m.d.comb += [
            self.o.valid.eq(sending & words.o.valid),
            Cat(self.o.payload.data, self.o.payload.last).eq(words.o.payload),
            self.o.payload.length.eq(waits.o.payload.length),
            words.o.ready.eq(sending & self.o.ready),
            ends.eq(self.o.valid & self.o.ready & self.o.payload.last),
            waits.o.ready.eq(ends),
        ]
        with m.If(~sending):
            # A datagram goes to one peer, whoever is adopted meanwhile.
            m.d.sync += [
                sending.eq(waits.o.valid),
                self.o.payload.peer.eq(Mux(waits.o.payload.info, asker, peer)),
            ]
        with m.Elif(ends):
            m.d.sync += sending.eq(0)


def _says_info(m: Module, packets: stream.Interface) -> Value:
    """High in the cycle in which the byte that makes a packet an ``INFO`` goes over a stream."""
    moves, packet = packets.valid & packets.ready, packets.payload
    position = Signal(range(_KIND_AT + 2))
    with m.If(moves):
        behind = position == _KIND_AT + 1
        m.d.sync += position.eq(Mux(packet.last, 0, position + ~behind))
    return moves & (position == _KIND_AT) & (packet.byte == Kind.INFO)
