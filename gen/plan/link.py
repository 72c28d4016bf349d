"""What a board's link to its host costs, how much goes over it, and the clock it asks for."""

from __future__ import annotations

from dataclasses import replace

from boards.board import Board, Resources
from gen.common.errors import FirebrickError
from gen.cost.memories import memory_cost, total
from gen.ir.network import QuantizedNetwork
from hw.frames.pipeline import row_memory
from hw.link.uart import FEWEST_CYCLES
from hw.stream.fifo import LUT_BITS, MemoryKind
from hw.stream.load import LOAD
from protocol.contents.layout import PARTS
from protocol.messages import DeviceInfo
from protocol.packets import CHECK_BYTES, CREDIT, HEADER, OVERHEAD, RESULT, SUMS

UART_AND_SHELL = Resources(lut=950, ff=750, dsp=0, bram36=0)
"""The UART link and the shell around the accelerator, but their memories of pixels and sums."""
CHUNK = 1024
"""Pixel bytes in a datagram: 8 % of the line's bits are headers then."""
CREDITS = 8
"""Datagrams of pixels that may wait on the board."""
RARE = 128
"""One byte in so many random ones has to be escaped on a byte stream."""
UART_BITS = 10
"""Bits on the wire a byte: start, 8 data, stop."""
ETHERNET_CORE = {
    "mii": Resources(lut=2330, ff=2260, dsp=0, bram36=2.5),
    "rgmii": Resources(lut=3580, ff=2530, dsp=0, bram36=6.5),
}
"""What Ethernet takes more than a UART, by how the PHY is wired; as Yosys counts it."""
AXI = Resources(lut=455, ff=530, dsp=0, bram36=0)
"""What an IP core has in the place of link and shell, but for its memory of sums, with beats of 8
bits; as Yosys counts it."""
AXI_PER_BIT = Resources(lut=1, ff=2, dsp=0, bram36=0)
"""The same for each bit of a beat more."""
AXI_UPDATES = Resources(lut=60, ff=115, dsp=0, bram36=0)
"""What brings new contents from an IP core's registers, and holds frames; as Yosys counts it."""
DECODER = Resources(lut=655, ff=480, dsp=0, bram36=0)
"""What takes coded frames, but for the memory of a row; as Yosys counts it."""
STALLS = Resources(lut=70, ff=45, dsp=0, bram36=0)
STALLS_PER_STREAM = Resources(lut=1, ff=1, dsp=0, bram36=0)
"""Counting the cycles in which layers wait."""
UPDATES = Resources(lut=630, ff=540, dsp=0, bram36=0)
"""What takes new contents, but for its table of checks; as Yosys counts it."""
TABLE_PER_64 = Resources(lut=51, ff=0, dsp=0, bram36=0)
"""Of that table, for 32 memories' checks in halves."""
SIPHASH = Resources(lut=440, ff=555, dsp=0, bram36=0)
"""What proves that whoever sends contents has the key."""
LOAD_PER_CONV = Resources(lut=4, ff=LOAD.size, dsp=0, bram36=0)
"""What brings new contents to a convolution."""
_DATAGRAM = 14 + 20 + 8
"""Bytes of Ethernet's, IP's and UDP's headers."""
_SHORTEST = 60
_LINE = 8 + 4 + 12
"""Bytes of the line's time around an Ethernet frame: preamble, check sequence, gap."""


def packet_format(network: QuantizedNetwork, board: Board) -> DeviceInfo:
    """What the board will say of itself, but for its clock and the network's digest."""
    classes, streams = network.output.shape[2], len(network.ops)
    memories = len(PARTS) * sum(op.envelope is not None for op in network.convs)
    info = DeviceInfo(
        *network.input.shape,
        classes,
        1,
        bytes(8),
        streams=streams,
        coded=board.coded,
        memories=memories,
        keyed=board.keyed and memories > 0,
    )
    return info if board.station is None else replace(info, chunk=CHUNK, credits=CREDITS)


def sums_memory(network: QuantizedNetwork) -> MemoryKind:
    """Where the class sums wait: block RAM is cheaper than LUTs from 128 classes on."""
    return "lut" if network.output.shape[2] < 128 else "block"


def link_cost(board: Board, network: QuantizedNetwork) -> Resources:
    """The link and the shell around the accelerator, in what the 7-series has."""
    if board.beat_bits is not None:
        return axi_cost(network, board)
    info = packet_format(network, board)
    memories = [
        memory_cost("block", info.credits * info.chunk, 8),
        memory_cost(sums_memory(network), info.classes, 32),
    ]
    parts = [UART_AND_SHELL, *memories, STALLS, *([STALLS_PER_STREAM] * len(network.ops))]
    if board.station is not None:
        assert board.phy is not None
        parts.append(ETHERNET_CORE[board.phy.kind])
    if board.coded:
        depth, bits = row_memory(network.input.shape)
        # With one address, a LUT holds 64 bits.
        parts += [DECODER, Resources(bits * (-(-depth // LUT_BITS) + 1), bits, 0, 0)]
    return total(parts + _updates(info))


def axi_cost(network: QuantizedNetwork, target: Board) -> Resources:
    """What an IP core has around the accelerator, in what the 7-series has.

    Parameters
    ----------
    network : QuantizedNetwork
    target : Board
        A place for an IP core.
    """
    assert target.beat_bits is not None
    info = packet_format(network, target)
    sums = memory_cost(sums_memory(network), info.classes, 32)
    streams = [STALLS_PER_STREAM] * len(network.ops)
    parts = [AXI, *[AXI_PER_BIT] * (target.beat_bits - 8), sums, STALLS, *streams]
    return total(parts + [AXI_UPDATES] * (info.memories > 0) + _updates(info))


def _updates(info: DeviceInfo) -> list[Resources]:
    """What takes new contents, if there are memories for them."""
    if not info.memories:
        return []
    tables = -(-2 * info.memories // LUT_BITS)
    loads = info.memories // len(PARTS)
    return [UPDATES, *[TABLE_PER_64] * tables, *[SIPHASH] * info.keyed, *[LOAD_PER_CONV] * loads]


def link_name(board: Board) -> str:
    """For people."""
    if board.beat_bits is not None:
        return f"AXI4-Stream, {board.beat_bits} bits a beat"
    if board.station is None:
        return f"UART at {board.baud} baud"
    assert board.phy is not None
    rate = board.phy.bits_per_second // 1_000_000
    # LiteEth's RGMII has no slower modes.
    only = " only, no slower link" if board.phy.kind == "rgmii" else ""
    return f"UDP at {board.station.address}, port {board.station.port}, {rate} Mb/s{only}"


def shell_cycles(network: QuantizedNetwork, board: Board) -> int:
    """Cycles in which the board's shell takes a frame: the bytes of its packets, one a cycle.

    An IP core takes no packets. On a UART 1 byte in 128 is taken to be escaped, as of random ones.
    """
    info = packet_format(network, board)
    if board.beat_bits is not None:
        return info.frame_bytes
    if board.station is None:
        return info.frame_bytes + info.frame_bytes // RARE + info.chunks * OVERHEAD
    return info.frame_bytes + info.chunks * (HEADER.size + CHECK_BYTES)


def link_frames_per_second(network: QuantizedNetwork, board: Board, *, part: float = 1.0) -> float:
    """Frames a second that the link carries: pixels in, acknowledgements and a result out, at once.

    Of random bytes on a UART, 1 in 128 is taken to be escaped; those of results are not counted.

    Parameters
    ----------
    network : QuantizedNetwork
    board : Board
    part : float
        Of a frame's bytes that go over the link.
    """
    info = packet_format(network, board)
    size = round(part * info.frame_bytes)
    packets = -(-size // info.chunk)
    if board.station is None:
        inwards = size + size // RARE + packets * OVERHEAD
        words = CREDIT.size * packets + RESULT.size * info.parts + 4 * info.classes
        outwards = words + OVERHEAD * (packets + info.parts)
        return board.baud / UART_BITS / max(inwards, outwards)
    assert board.phy is not None
    inwards = line_bytes(size, info.chunk)
    results = RESULT.size + 4 * -(-info.classes // info.parts)
    outwards = packets * _on_the_line(CREDIT.size) + info.parts * _on_the_line(results)
    return board.phy.bits_per_second / 8 / max(inwards, outwards)


def packet_seconds(board: Board, payload: int) -> float:
    """The time on a board's line of a packet with so many bytes of payload."""
    if board.station is None:
        return (payload + payload // RARE + OVERHEAD) * UART_BITS / board.baud
    assert board.phy is not None
    return 8 * _on_the_line(payload) / board.phy.bits_per_second


def answer_seconds(network: QuantizedNetwork, board: Board) -> float:
    """The time of a frame's class sums on the line."""
    info = packet_format(network, board)
    last = info.classes - (info.parts - 1) * SUMS
    sums = [SUMS] * (info.parts - 1) + [last]
    return sum(packet_seconds(board, RESULT.size + 4 * count) for count in sums)


def line_bytes(payload: int, chunk: int = CHUNK) -> int:
    """Bytes of a line's time for so much payload, in datagrams of ``chunk`` bytes of it."""
    whole, rest = divmod(payload, chunk)
    return whole * _on_the_line(chunk) + (_on_the_line(rest) if rest else 0)


def _on_the_line(payload: int) -> int:
    """Bytes of a line's time for a packet with so much payload."""
    return max(_SHORTEST, _DATAGRAM + HEADER.size + payload + CHECK_BYTES) + _LINE


def check_clock(board: Board, clock_hz: int) -> None:
    """Check that the board can make the clock, and run its link from it.

    Raises
    ------
    FirebrickError
        With the reason.
    """
    platform = board.platform()
    if clock_hz != int(platform.default_clk_frequency):
        try:
            platform.check_clock(clock_hz)
        except ValueError as error:
            raise FirebrickError(f"board {board.name}: {error}; choose another --clock") from None
    slowest, user = FEWEST_CYCLES * board.baud, f"UART of {board.baud} baud"
    if board.station is not None:
        slowest, user = slowest_clock(board), "Ethernet"
    if clock_hz < slowest:
        raise FirebrickError(
            f"board {board.name}: its {user} needs a clock of at least {slowest / 1e6:g} MHz; "
            "choose another --clock"
        )


def slowest_clock(board: Board) -> int:
    """Hz at which the Ethernet core keeps up with the line."""
    assert board.phy is not None
    return board.phy.bits_per_second // board.phy.width
