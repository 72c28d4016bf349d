from dataclasses import replace
from math import inf

import pytest

from gen.ir.activations import Activations
from gen.ir.ops import INPUT, Tensor
from gen.report.activations import Held, held, noisiest
from tests.networks import measured_activations, tiny_network

COUNTS = (5, *[0] * 99, 4, *[1] * 27, 10, *[0] * 126, 3)
"""Of the codes in order: the lowest 5, the 101st 4, the 129th 10, the highest 3."""


@pytest.mark.parametrize(
    ("signed", "zero", "zeros", "bottom"),
    [(False, 0, 5, 0), (True, 0, 10, 5), (False, 100, 4, 5), (True, -128, 5, 0)],
)
def test_ends_saturate_unless_they_are_zero(signed, zero, zeros, bottom):
    row = Held(Tensor("x", (7, 7, 1), 0.1, signed, zero=zero), COUNTS, None, True)
    total = sum(COUNTS)
    assert (row.zeros, row.bottom, row.top) == (zeros / total, bottom / total, 3 / total)
    assert row.saturated == pytest.approx((bottom + 3) / total)
    assert row.used == 31


def test_a_row_a_tensor():
    network = tiny_network(1)
    assert held(network) == ()
    found = measured_activations(network)
    rows = held(replace(network, activations=found))
    assert [row.name for row in rows] == [INPUT, *(op.name for op in network.ops)]
    assert [row.name for row in rows if row.weighed] == [op.name for op in network.convs]
    assert [row.name for row in rows if not row.counts] == [network.output.name]
    assert [row.decibels for row in rows] == [None, *found.decibels.values()]


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ({"a": 3.0, "b": -1.0, "c": inf}, ("b", -1.0)),
        ({"c": inf}, None),
        ({}, None),
    ],
)
def test_the_noisiest_layer(ratios, expected):
    network = replace(tiny_network(1), activations=Activations(1, {}, ratios))
    assert noisiest(network) == expected
    assert noisiest(tiny_network(1)) is None
