"""What does not fit is explained: which resource, by how much, and what would."""

from gen.planner import fits
from tests.gen.devices import ARTY, KINTEX, SMALL, board, refusal
from tests.gen.squeezenets import cifar, squeezenet1_1


def test_eight_bits_do_not_fit_an_arty_but_four_do():
    assert not fits(squeezenet1_1(), ARTY)
    message = refusal(squeezenet1_1(), ARTY, boards=(SMALL, ARTY, KINTEX))
    assert message.startswith("squeezenet1_1 does not fit arty_a7: ")
    assert "RAMB36" in message
    assert "arty_a7 has 135" in message
    assert "it would fit genesys2" in message
    assert "arty_a7_35" not in message
    assert "weights of 4 bits would fit here" in message
    assert fits(squeezenet1_1(4), ARTY)


def test_too_few_multipliers():
    message = refusal(cifar(), board("tiny", 60_000, 60_000, 9, 100), boards=(KINTEX,))
    assert "DSP blocks, tiny has 9;" in message
    assert "no weight width would fit here, as it is it would fit genesys2" in message


def test_too_few_luts():
    message = refusal(cifar(), board("tiny", 4_000, 60_000, 200, 100))
    assert "LUTs, tiny has 3200 (80% of the device)" in message


def test_too_few_flip_flops():
    assert "flip-flops" in refusal(cifar(), board("tiny", 60_000, 4_000, 200, 100))
