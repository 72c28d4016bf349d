"""Boards that planner tests plan for, with the resources of real ones."""

from typing import Any

import pytest

from boards.board import Board, Resources
from gen.common.errors import FirebrickError
from gen.ir.network import QuantizedNetwork
from gen.plan.planner import plan


def board(name: str, lut: int, ff: int, dsp: int, bram36: float) -> Board:
    return Board(
        name=name,
        title=name,
        part="xc7",
        loader=name,
        idcode=1,
        resources=Resources(lut, ff, dsp, bram36),
        clock_hz=100_000_000,
        baud=1_000_000,
        platform=lambda: None,
    )


KINTEX = board("genesys2", 203800, 407600, 840, 445)
ARTY = board("arty_a7", 63400, 126800, 240, 135)
SMALL = board("arty_a7_35", 20800, 41600, 90, 50)


def refusal(network: QuantizedNetwork, target: Board, **kwargs: Any) -> str:
    """What the planner says where it has no plan."""
    with pytest.raises(FirebrickError) as caught:
        plan(network, target, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message
