"""Memories in block RAM and in LUTs."""

import pytest

from boards.board import Resources
from gen.cost.memories import bram36, lutram_luts, memory_cost, mux_luts, total
from gen.cost.model import CostModel

COSTS = CostModel.fitted()


@pytest.mark.parametrize(
    ("depth", "width", "blocks"),
    [
        (512, 72, 1),
        (1024, 36, 1),
        (2048, 18, 1),
        (4096, 9, 1),
        (4096, 4, 0.5),
        (512, 36, 0.5),
        (2048, 756, 42),
        # Counted by Yosys 0.70, synth_xilinx -family xc7.
        (576, 144, 4),
        (2304, 32, 2.5),
        (300, 100, 1.5),
        (1152, 64, 3),
        (576, 64, 2),
        (1200, 8, 0.5),
        (720, 24, 1),
    ],
)
def test_block_ram_shapes(depth: int, width: int, blocks: float):
    assert bram36(depth, width) == blocks


def test_an_empty_memory_is_refused():
    with pytest.raises(ValueError, match="0 x 8"):
        bram36(0, 8)


def test_lut_memories():
    assert lutram_luts(64, 24) == 32  # eight RAM64M of four LUTs, as Yosys has it
    assert lutram_luts(32, 64) == 44  # eleven RAM32M
    assert lutram_luts(200, 16) > 24 * 4  # 24 RAM64M and the mux between four banks
    assert COSTS.lutrom_luts(64, 10) == 10
    assert COSTS.lutrom_luts(256, 10) == 40


def test_a_memory_is_in_block_ram_or_in_luts():
    assert memory_cost("block", 512, 36) == Resources(0, 0, 0, 0.5)
    assert memory_cost("lut", 64, 24) == Resources(32, 24, 0, 0)


def test_multiplexers():
    assert [mux_luts(inputs) for inputs in (0, 1, 2, 4, 5, 16, 17)] == [0, 0, 1, 1, 2, 4, 6]


def test_totals_add_up_each_resource():
    parts = [Resources(1, 2, 3, 4.5), Resources(10, 20, 30, 0.5)]
    assert total(parts) == Resources(11, 22, 33, 5)
    assert total([]) == Resources(0, 0, 0, 0)
