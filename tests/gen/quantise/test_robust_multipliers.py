import numpy as np
import pytest

from gen.ir.fixed_point import fixed_point
from gen.quantise.robust_multipliers import REACH, robust_multipliers


def disagreements(multiplier: np.ndarray, shift: int, low: int, high: int) -> np.ndarray:
    """Sums at an edge between codes that float32 rounds to another code, one number a channel.

    Plain Python integers on the one side, one float32 product rounded half to even on the other;
    codes count as often as they occur where they fall off exponentially from zero.
    """
    counts = []
    for factor in multiplier.tolist():
        real, wrong = np.float32(factor * 2.0**-shift), 0.0
        for code in range(low + 1, high + 1):
            first = -(-((2 * code - 1) << (shift - 1)) // factor)
            for total in (first - 1, first):
                exact = (total * factor + (1 << (shift - 1))) >> shift
                wrong += float(
                    np.exp(-abs(code) / 40) * (np.rint(np.float32(total) * real) != exact)
                )
        counts.append(wrong)
    return np.array(counts)


@pytest.mark.parametrize(("low", "high"), [(0, 255), (-128, 127)])
def test_float_arithmetic_agrees_more_often(low, high):
    rng = np.random.default_rng(1)
    multiplier, shift = fixed_point(rng.uniform(0.0015, 0.0029, 128))
    chosen = robust_multipliers(multiplier, shift, low, high)
    before = disagreements(multiplier, shift, low, high)
    after = disagreements(chosen, shift, low, high)
    assert before.sum() > 1
    assert after.sum() < before.sum() / 10


def test_it_stays_near_and_normalised():
    rng = np.random.default_rng(2)
    multiplier = rng.integers(64, 1 << 16, 500).astype(np.uint16)
    multiplier[:4] = (1 << 15, (1 << 16) - 1, 0, 1)
    chosen = robust_multipliers(multiplier, 24, 0, 255)
    assert chosen.dtype == np.uint16
    change = np.abs(chosen.astype(int) - multiplier)
    assert np.all(change <= REACH * multiplier.astype(int) / (1 << 15) + 1)
    large = multiplier >= 1 << 15
    assert np.all(chosen[large] >= 1 << 15)
    assert chosen[2] == 0
    assert np.count_nonzero(change) > 300


def test_equal_multipliers_stay_equal():
    chosen = robust_multipliers(np.full(7, 40001, np.uint16), 22, 0, 255)
    assert len(np.unique(chosen)) == 1


def test_choosing_again_changes_little():
    multiplier = np.random.default_rng(3).integers(1 << 15, 1 << 16, 100).astype(np.uint16)
    once = robust_multipliers(multiplier, 24, 0, 255)
    twice = robust_multipliers(once, 24, 0, 255)
    assert disagreements(twice, 24, 0, 255).sum() <= disagreements(once, 24, 0, 255).sum() + 0.01
