import pytest

from gen.common.errors import FirebrickError
from gen.formats.onnx_float import import_float
from gen.ir.widths import Width, Widths, describe
from tests.gen.onnx_models import squeezenet

NAMES = [
    "conv1", "fire2_squeeze", "fire2_expand1x1", "fire2_expand3x3",
    "fire3_squeeze", "fire3_expand1x1", "fire3_expand3x3", "conv10",
]  # fmt: skip


@pytest.fixture(scope="module")
def graph():
    return import_float(squeezenet(), "test")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8", [8, 8, 8, 8, 8, 8, 8, 8]),
        ("6", [6, 6, 6, 6, 6, 6, 6, 6]),
        ("5", [8, 5, 5, 5, 5, 5, 5, 5]),
        ("4,conv1=4", [4, 4, 4, 4, 4, 4, 4, 4]),
        ("4, conv10 = 3", [8, 4, 4, 4, 4, 4, 4, 3]),
        ("conv10=3", [8, 8, 8, 8, 8, 8, 8, 3]),
        ("4,fire3*=2,fire3_squeeze=7", [8, 4, 4, 4, 7, 2, 2, 4]),
        ("4,fire3_squeeze=7,fire3*=2", [8, 4, 4, 4, 7, 2, 2, 4]),
        ("4,fire2_s=5,v10=2", [8, 5, 4, 4, 4, 4, 4, 2]),
        ("4,conv10=3c", [8, 4, 4, 4, 4, 4, 4, Width(3, 5)]),
        ("2c4,conv10=7c", [8, *[Width(2, 4)] * 6, Width(7, 8)]),
    ],
)
def test_widths(graph, text, expected):
    found = Widths.parse(text).of(graph)
    assert found == {name: Width.of(width) for name, width in zip(NAMES, expected, strict=True)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not understood"),
        ("four", "not understood"),
        ("4,conv1", "not understood"),
        ("4,,conv1=8", "not understood"),
        ("4,conv1=8,conv1=7", "not understood"),
        ("4,=8", "not understood"),
        ("4,conv1=9", "9 bits; 2 to 8"),
        ("1", "1 bits; 2 to 8"),
        ("1c", "1 bits; 2 to 8"),
        ("c4", "not understood"),
        ("3c3", "codes of 3 bits for levels of 3"),
        ("4,conv1=8c", "codes of 8 bits for levels of 9; .* at most 8"),
        ("4,conv99=3", "no layer 'conv99'; there are conv1, fire2_squeeze, .*conv10"),
        ("4,squeeze=3", "'squeeze' may be fire2_squeeze, fire3_squeeze"),
        ("4,x*=3", "no layer"),
    ],
)
def test_what_is_not_understood_is_refused(graph, text, message):
    with pytest.raises(FirebrickError, match=message):
        Widths.parse(text).of(graph)


def test_in_words():
    widths = {"a": Width(8), "b": Width(4), "c": Width(4), "d": Width(3, 4)}
    assert describe(widths) == "4 bits, a 8, d 3c4"
    assert describe({"a": Width(8)}) == "8 bits"
