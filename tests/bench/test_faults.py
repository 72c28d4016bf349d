import random

import pytest

from bench.faults import FAULTS, BadLink, measure, soak
from host.sim_transport import SimTransport


def test_no_fault_wedges_board_or_host(tiny_board):
    figures = measure(tiny_board.folder, tiny_board.network, 150, patience=5_000)
    assert figures["faults"] >= 150
    assert (figures["wrong answers"], figures["wedged"]) == (0, "no")
    assert figures["damaged packets"] > 0


def test_soak(tiny_board):
    figures = soak(tiny_board.folder, tiny_board.network, 50)
    assert figures == {"frames with stalls": 50, "wrong among them": 0}


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_does_something(tiny_board, kind):
    data = bytes(range(200))
    with BadLink(SimTransport(tiny_board.folder), 1.0, 1.0, random.Random(1)) as link:
        while not link.faults[kind]:
            spoilt = link.spoil(data, link.sent, link.chance)
        assert spoilt != data
