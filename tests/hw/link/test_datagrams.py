import random
from dataclasses import dataclass, replace

import pytest
from amaranth.sim import Simulator

from hw.link.datagrams import WAITING, DatagramPort
from protocol.messages import DeviceInfo
from protocol.packets import Kind, Packet

INFO = DeviceInfo(8, 8, 3, 40, 100_000_000, bytes(8), chunk=64)
WIDTHS = (8, 32)


@dataclass(frozen=True)
class Datagram:
    data: bytes
    peer: tuple[int, int] = (0x0A000001, 4000)
    error: bool = False

    def words(self, width):
        count = width // 8
        for start in range(0, len(self.data), count):
            part = self.data[start : start + count]
            last = start + count >= len(self.data)
            yield {
                "data": int.from_bytes(part, "little"),
                "keep": 1 << len(part) - 1 if last else 0,
                "last": last,
                "error": last and self.error,
                "peer": {"address": self.peer[0], "port": self.peer[1]},
            }


def simulate(width, *testbenches):
    port = DatagramPort(INFO, width)
    simulator = Simulator(port)
    simulator.add_clock(1e-8)

    def bound(testbench):
        async def run(ctx):
            await testbench(ctx, port)

        return run

    for testbench in testbenches:
        simulator.add_testbench(bound(testbench))
    simulator.run()


async def offer(ctx, stream, payload, rng=None):
    """Hold a payload until it is taken."""
    while rng and rng.random() < 0.4:
        await ctx.tick()
    ctx.set(stream.payload, payload)
    ctx.set(stream.valid, 1)
    await ctx.tick().until(stream.ready)
    ctx.set(stream.valid, 0)


async def take(ctx, stream, rng=None):
    while rng and rng.random() < 0.4:
        await ctx.tick()
    ctx.set(stream.ready, 1)
    (payload,) = await ctx.tick().sample(stream.payload).until(stream.valid)
    ctx.set(stream.ready, 0)
    return payload


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("stalls", [False, True])
def test_datagrams_come_out_as_packets(width, stalls):
    rng = random.Random(width)
    sent = [Datagram(rng.randbytes(length)) for length in (1, 2, 3, 4, 5, 12, 76, 77)]
    seen = []

    async def network(ctx, port):
        own = random.Random(1) if stalls else None
        for datagram in sent:
            for word in datagram.words(width):
                await offer(ctx, port.i, word, own)

    async def shell(ctx, port):
        own = random.Random(2) if stalls else None
        for datagram in sent:
            for index, byte in enumerate(datagram.data):
                payload = await take(ctx, port.o_packets, own)
                assert payload.byte == byte
                assert payload.first == (index == 0)
                assert payload.last == (index == len(datagram.data) - 1)
                seen.append(payload.byte)

    simulate(width, network, shell)
    assert len(seen) == sum(len(datagram.data) for datagram in sent)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_damaged_datagram_makes_a_damaged_packet(width):
    good, bad = Datagram(b"abcdef"), Datagram(b"ghijkl", error=True)
    lost = []

    async def network(ctx, port):
        for datagram in (good, bad, good):
            for word in datagram.words(width):
                await offer(ctx, port.i, word)

    async def shell(ctx, port):
        got = bytearray()
        for _ in range(18):
            got.append((await take(ctx, port.o_packets)).byte)
        assert got[:6] == got[12:] == good.data
        assert got[6:12] != bad.data

    async def count(ctx, port):
        for _ in range(100):
            _, _, came = await ctx.tick().sample(port.o_lost)
            lost.append(came)

    simulate(width, network, shell, count)
    assert sum(lost) == 1


async def receive(ctx, port, width, rng=None):
    """A whole datagram: its bytes, length and peer; its words follow each other at once."""
    words = [await take(ctx, port.o, rng)]
    ctx.set(port.o.ready, 1)
    while not words[-1].last:
        _, _, valid, payload = await ctx.tick().sample(port.o.valid, port.o.payload)
        assert valid, "a datagram paused"
        words.append(payload)
    ctx.set(port.o.ready, 0)
    assert len({(w.length, w.peer.address, w.peer.port) for w in words}) == 1
    data = b"".join(w.data.to_bytes(width // 8, "little") for w in words)
    return data, words[0].length, (words[0].peer.address, words[0].peer.port)


@pytest.mark.parametrize("width", WIDTHS)
def test_packets_leave_whole_with_their_length(width):
    rng = random.Random(5)
    sizes = [16, 12, INFO.longest_answer, 20, 16, INFO.longest_answer, *[16] * (2 * WAITING)]
    packets = [rng.randbytes(size) for size in sizes]

    async def shell(ctx, port):
        own = random.Random(6)
        for packet in packets:
            for index, byte in enumerate(packet):
                payload = {"byte": byte, "first": index == 0, "last": index == len(packet) - 1}
                await offer(ctx, port.i_packets, payload, own)

    async def network(ctx, port):
        for packet in packets:
            data, length, _ = await receive(ctx, port, width)
            assert (data, length) == (packet, len(packet))

    simulate(width, shell, network)


FIRST, SECOND = (0x0A000001, 1111), (0x0A000002, 2222)


async def hear(ctx, port, width, peer, kind):
    for word in Datagram(Packet(kind, 1).encode(), peer).words(width):
        await offer(ctx, port.i, word)


async def adopt(ctx, port):
    ctx.set(port.i_adopt, 1)
    await ctx.tick()
    ctx.set(port.i_adopt, 0)


async def say(ctx, port, width, kind):
    """Let the shell say something; returns who is told."""
    data = Packet(kind, 1, payload=bytes(4)).encode()
    for index, byte in enumerate(data):
        payload = {"byte": byte, "first": index == 0, "last": index == len(data) - 1}
        await offer(ctx, port.i_packets, payload)
    return (await receive(ctx, port, width))[2]


@pytest.mark.parametrize("width", WIDTHS)
def test_answers_go_to_whoever_was_adopted(width):
    async def talk(ctx, port):
        ctx.set(port.o_packets.ready, 1)
        await hear(ctx, port, width, FIRST, Kind.RESET)
        await adopt(ctx, port)
        assert await say(ctx, port, width, Kind.RESET) == FIRST
        await hear(ctx, port, width, SECOND, Kind.STATISTICS)
        assert await say(ctx, port, width, Kind.STATISTICS) == FIRST
        await adopt(ctx, port)
        assert await say(ctx, port, width, Kind.ACK) == SECOND

    simulate(width, talk)


@pytest.mark.parametrize("width", WIDTHS)
def test_information_goes_to_whoever_asked_for_it(width):
    async def talk(ctx, port):
        ctx.set(port.o_packets.ready, 1)
        await hear(ctx, port, width, FIRST, Kind.RESET)
        await adopt(ctx, port)
        await hear(ctx, port, width, SECOND, Kind.INFO)
        assert await say(ctx, port, width, Kind.RESULT) == FIRST
        await hear(ctx, port, width, FIRST, Kind.FRAME)
        assert await say(ctx, port, width, Kind.INFO) == SECOND
        assert await say(ctx, port, width, Kind.RESULT) == FIRST
        await hear(ctx, port, width, FIRST, Kind.INFO)
        assert await say(ctx, port, width, Kind.INFO) == FIRST

    simulate(width, talk)


def test_other_widths_are_refused():
    with pytest.raises(ValueError, match="8 or 32 bits, not 16"):
        DatagramPort(replace(INFO), 16)
