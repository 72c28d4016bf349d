from dataclasses import replace

import pytest

from boards import BOARDS
from boards.board import Resources
from gen.common.errors import FirebrickError
from gen.link_options import Address, on_lan
from gen.plan.link import (
    DECODER,
    UART_AND_SHELL,
    check_clock,
    link_cost,
    link_frames_per_second,
    link_name,
    packet_format,
    shell_cycles,
    slowest_clock,
    sums_memory,
)
from tests.networks import conv_network, tiny_network

ARTY = BOARDS["arty_a7"]


def test_a_serial_line():
    network = tiny_network(1)
    board = replace(ARTY, baud=1_000_000)
    assert link_name(board) == "UART at 1000000 baud"
    # One packet of 360 pixels, two of them escaped, 1 + 8 + 4 bytes around them, 10 bits each.
    assert shell_cycles(network, board) == 360 + 2 + 13
    assert link_frames_per_second(network, board) == pytest.approx(1e6 / 10 / (360 + 2 + 13))


def test_ethernet():
    network = tiny_network(1)
    board = on_lan(ARTY, Address())
    assert link_name(board) == "UDP at 192.168.1.50, port 18002, 100 Mb/s"
    # Our header and CRC, those of UDP, IP and Ethernet, check sequence, preamble, gap.
    line = 360 + 12 + 8 + 20 + 14 + 4 + 8 + 12
    assert link_frames_per_second(network, board) == pytest.approx(100e6 / 8 / line)
    assert shell_cycles(network, board) == 360 + 12
    fast = on_lan(BOARDS["genesys2"], Address())
    assert link_frames_per_second(network, fast) == pytest.approx(1e9 / 8 / line)


def test_an_ethernet_core_costs_more_than_a_uart():
    network = tiny_network(1)
    serial = link_cost(ARTY, network)
    assert serial.lut > UART_AND_SHELL.lut
    mii = link_cost(on_lan(ARTY, Address()), network)
    rgmii = link_cost(on_lan(BOARDS["genesys2"], Address()), network)
    assert serial.lut + 1000 < mii.lut < rgmii.lut
    assert isinstance(mii, Resources)


@pytest.mark.parametrize(("name", "slowest"), [("arty_a7", 12_500_000), ("genesys2", 31_250_000)])
def test_the_clock_must_keep_up_with_the_line(name, slowest):
    board = on_lan(BOARDS[name], Address())
    assert slowest_clock(board) == slowest
    check_clock(board, slowest)
    with pytest.raises(FirebrickError, match=f"Ethernet needs a clock of at least {slowest / 1e6}"):
        check_clock(board, slowest - 250_000)


@pytest.mark.parametrize(
    ("classes", "memory"), [(1, "lut"), (127, "lut"), (128, "block"), (1000, "block")]
)
def test_many_class_sums_wait_in_block_ram(classes, memory):
    assert sums_memory(conv_network(channels=classes)) == memory


def test_coded_frames_cost_luts_and_take_less_of_the_line():
    network = tiny_network(1)
    coded = replace(ARTY, coded=True)
    assert packet_format(network, coded) == replace(packet_format(network, ARTY), coded=True)
    more = link_cost(coded, network).lut - link_cost(ARTY, network).lut
    # A short row takes a LUT a bit, and another one to choose.
    assert more == DECODER.lut + 2 * 14
    raw, half = (link_frames_per_second(network, coded, part=part) for part in (1.0, 0.5))
    assert 1.8 < half / raw < 2
