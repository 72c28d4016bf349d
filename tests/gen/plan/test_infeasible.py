"""What does not fit is explained: which resource, by how much, and what would."""

from dataclasses import replace

from boards import BOARDS
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT
from gen.link_options import Address, on_lan
from gen.plan.planner import Goal
from tests.gen.devices import ARTY, board, refusal
from tests.gen.squeezenets import Builder, cifar, squeezenet1_1

TINY = replace(
    BOARDS["arty_a7"], name="tiny", resources=board("", 60_000, 60_000, 9, 100).resources
)


def test_eight_bits_do_not_fit_an_arty_but_four_do():
    assert not Goal(ARTY).holds(squeezenet1_1())
    message = refusal(
        squeezenet1_1(),
        ARTY,
        boards=[BOARDS[name] for name in ("arty_a7_35", "arty_a7", "genesys2")],
    )
    assert message.startswith("squeezenet1_1 does not fit arty_a7: ")
    assert "RAMB36" in message
    assert "arty_a7 has 135" in message
    assert "it would fit genesys2" in message
    assert "arty_a7_35" not in message
    assert "weights of 4 bits would fit here" in message
    assert Goal(ARTY).holds(squeezenet1_1(4))


def test_too_few_multipliers():
    message = refusal(cifar(), TINY, boards=[BOARDS["genesys2"]])
    assert "DSP blocks, tiny has 9;" in message
    assert "no one width for all weights would fit here, as it is it would fit genesys2" in message


def test_too_few_luts():
    message = refusal(cifar(), board("tiny", 4_000, 60_000, 200, 100))
    assert "LUTs, tiny has 3200 (80% of the device)" in message


def test_too_few_flip_flops():
    assert "flip-flops" in refusal(cifar(), board("tiny", 60_000, 4_000, 200, 100))


def wide_first(bits: int, first: int) -> QuantizedNetwork:
    """Many weights read pixels."""
    b = Builder(32, first)
    x = b.conv("conv1", INPUT, 96, 7, 2, 3)
    b.bits = bits
    x = b.pool("pool1", x)
    for index, squeeze, expand in ((2, 16, 64), (3, 32, 128), (4, 48, 192)):
        x = b.fire(f"fire{index}", x, squeeze, expand)
    return b.finish("wide_first", b.conv("conv10", x, 100, 1))


def test_the_width_that_would_fit_is_tried_as_the_option_gives_it():
    small = board("small", 18_000, 41_600, 90, 18)
    assert Goal(small).holds(wide_first(4, 4))
    assert not Goal(small).holds(wide_first(4, 8))
    assert Goal(small).holds(wide_first(3, 8))
    assert "weights of 3 bits would fit here" in refusal(wide_first(8, 8), small)


FIVE = ("arty_a7", "arty_a7_35", "genesys2", "ulx3s_85", "ecpix5_85")
"""Fewer boards than are named at most."""


def suggested(target, **wishes) -> set[str]:
    """Boards of the five that are named where the CIFAR network does not fit ``target``."""
    message = refusal(cifar(), target, boards=[BOARDS[name] for name in FIVE], **wishes)
    _, _, names = message.partition("as it is it would fit ")
    return set(names.split(" or ")) - {""}


def test_boards_are_suggested_with_the_same_link():
    assert suggested(TINY) == set(FIVE)
    assert suggested(on_lan(TINY, Address())) == set(FIVE) - {"ulx3s_85"}
    assert suggested(replace(TINY, baud=12_000_000)) == {"arty_a7", "arty_a7_35", "ecpix5_85"}


def test_boards_are_suggested_with_the_same_clock_and_frames_a_second():
    assert suggested(TINY, clock_hz=5_000_000) == set()
    assert suggested(TINY, fps=2000.0) == {"arty_a7", "genesys2"}
    assert suggested(TINY, fps=2000.0, clock_hz=50_000_000) == {"genesys2"}
    assert suggested(TINY, fps=1e9) == set()
    assert "would fit here with 1e+09 frames a second" in refusal(cifar(), TINY, fps=1e9)
