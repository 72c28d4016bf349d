import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from hw.layers.add import Add
from tests.harness import bench_group

U8, S8 = unsigned(8), signed(8)
CASES = [  # lanes, multipliers, shift, low, high, shapes
    (2, (40000, 25536), 16, 0, 255, U8, U8, U8),
    (1, (65535, 1), 15, -128, 127, S8, U8, S8),
    (3, (300, 500), 9, 0, 200, S8, S8, U8),
    (1, (1, 1), 47, 0, 255, U8, U8, U8),
    (1, (40000, 300), 12, -128, 127, U8, S8, S8, -(1 << 20) + 77),
]


adders = bench_group(Add, CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_adds(case, adders):
    bench = adders[case]
    rng = np.random.default_rng(6)
    ranges = [(-128, 128) if shape.signed else (0, 256) for shape in case[5:7]]
    a, b = (list(rng.integers(low, high, (3, 4, 5, 6))) for low, high in ranges)
    a.append(np.full((1, 1, 6), ranges[0][1] - 1))
    b.append(np.full((1, 1, 6), ranges[1][1] - 1))
    expected = [bench.component.model(x, y) for x, y in zip(a, b, strict=True)]
    inputs = {"i_a": a, "i_b": b}
    for seed, stalls in enumerate([0.4, {"i_a": 0.6}, {"o": 0.7}]):
        bench.run(inputs, {"o": expected}, stalls=stalls, seed=seed)
    result = bench.run(inputs, {"o": expected})
    assert result.bubbles("o") == 0
    assert result.first("o") == 8


def test_model_adds_its_offset_before_the_shift():
    add = Add(1, (3, 2), 2, -128, 127, S8, S8, S8, offset=-21)
    # (12 + 10 - 21 + 2) >> 2 and (-12 + 8 - 21 + 2) >> 2
    assert add.model(np.array([4, -4]), np.array([5, 4])).tolist() == [0, -6]


def test_model_rounds_half_up_and_clamps():
    add = Add(1, (1, 1), 1, 0, 255, U8, U8, U8)
    assert add.model(np.array([2, 255]), np.array([1, 255])).tolist() == [2, 255]
    assert Add(1, (2, 2), 1, -5, 90, S8, S8, S8).model(
        np.array([-3, 60]), np.array([-4, 60])
    ).tolist() == [-5, 90]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, (65536, 1), 8, 0, 255), "65536"),
        ((1, (1, 1), 0, 0, 255), "shift 0"),
        ((1, (1, 1), 8, -1, 255), "-1..255"),
    ],
)
def test_bad_parameters_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Add(*[*arguments, U8, U8, U8])
