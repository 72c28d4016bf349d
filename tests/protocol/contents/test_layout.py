"""Layouts of contents as files, and what they make of weights."""

import json

import numpy as np
import pytest

from protocol.contents.layout import ConvLayout, Layout, differing
from tests.networks import tiny_network

LAYOUT = Layout(
    b"formwork",
    (ConvLayout("conv", 2, 3, 1, 4, True, 18), ConvLayout("conv2", 1, 1, 2, 8, False, 20)),
)


def test_a_layout_goes_through_a_file():
    assert Layout.from_json(LAYOUT.to_json()) == LAYOUT
    assert Layout.from_json(LAYOUT.to_json().encode()) == LAYOUT


def entry(**changes) -> str:
    made = json.loads(LAYOUT.to_json())
    made["convs"][0] |= changes
    return json.dumps(made)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("x", "Expecting value"),
        ("[]", "no layout"),
        ("{}", "no layout"),
        ('{"structure": "00", "convs": []}', "8 bytes, not 1"),
        ('{"structure": "x", "convs": []}', "hexadecimal"),
        ('{"structure": 3, "convs": []}', "no layout"),
        ('{"structure": "0011223344556677", "convs": [3]}', "no layout"),
        (entry(pe=0), "conv: pe is 0"),
        (entry(simd=1.5), "conv: simd is 1.5"),
        (entry(lanes=True), "conv: lanes is True"),
        (entry(layer=7), "7 is no layer"),
        (entry(decoded=1), "conv"),
        (entry(colour=3), "no layout"),
    ],
)
def test_what_is_no_layout_is_refused(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        Layout.from_json(text)


def test_memories_that_differ_are_told_by_their_checks():
    convs = tiny_network(1).convs
    layout = Layout(
        bytes(8),
        tuple(
            ConvLayout(op.name, 1, 1, 1, op.code_bits, op.codebook is not None, op.bias_bits)
            for op in convs
        ),
    )
    images = layout.images(convs)
    assert len(images) == len(layout.memories) == 2 * len(convs)
    assert layout.memories[3] == (convs[1].name, "scales")
    checks = [image.check for image in images]
    assert differing(images, checks) == []
    checks[1], checks[2] = 0, checks[2] ^ 1
    assert differing(images, checks) == [1, 2]
    words = np.frombuffer(images[0].data, np.uint8)
    wanted = convs[0].weights.reshape(-1).astype(np.int64) % (1 << convs[0].code_bits)
    assert words.tolist() == wanted.tolist()
