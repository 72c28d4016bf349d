from dataclasses import replace

import pytest

from boards import BOARDS
from gen.link_options import Address, on_lan
from gen.plan.link import shell_cycles
from gen.plan.rates import Rates, choices
from protocol.coding.rules import Steps
from protocol.coding.typical import COARSEST, typical_part
from tests.networks import tiny_network

ARTY = BOARDS["arty_a7"]


@pytest.mark.parametrize("shape", [(224, 224, 3), (32, 32, 3), (28, 28, 1), (224, 224, 1)])
def test_steps_of_chroma_leave_less_where_there_is_some(shape):
    coarse, lossless = typical_part(shape, COARSEST), typical_part(shape, Steps())
    assert 0 < coarse <= lossless < 1
    assert (coarse < lossless) == (shape[2] == 3)


def test_no_frames_are_faster_than_the_shell_nor_coded_ones_than_the_decoder():
    network = tiny_network(1)
    serial = Rates.of(network, replace(ARTY, coded=True), ARTY.clock_hz)
    assert serial.raw < serial.lossless < serial.coarsest
    line = on_lan(BOARDS["genesys2"], Address())
    slow, usual = Rates.of(network, line, 1_000_000), Rates.of(network, line, 1_000_000_000)
    assert slow.raw == 1_000_000 / shell_cycles(network, line) < usual.raw
    assert slow.lossless == slow.coarsest == 1_000_000 / (12 * 10 * 3)


def test_the_links_of_a_board():
    assert [(one.options, one.name) for one in choices(ARTY, 100_000_000)] == [
        ("", "UART, 6 Mbaud"),
        ("--baud 12000000", "UART, 12 Mbaud"),
        ("--link ethernet", "Ethernet, 100 Mb/s"),
    ]
    assert [one.name for one in choices(BOARDS["ulx3s_85"], 80_000_000)] == ["UART, 3 Mbaud"]
    slow = replace(ARTY, baud=115_200)
    assert [one.name for one in choices(slow, 24_000_000)] == [
        "UART, 0.1152 Mbaud",
        "UART, 3 Mbaud",
        "Ethernet, 100 Mb/s",
    ]
    for board in (ARTY, slow, on_lan(ARTY, Address("10.0.0.1"))):
        assert sum(one.board == board for one in choices(board, 100_000_000)) == 1
