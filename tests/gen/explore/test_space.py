from itertools import product

import pytest

from gen.common.errors import FirebrickError
from gen.explore.options import Choice
from gen.explore.space import KINDS, Space, Sweep, parse_fixed, parse_widths
from gen.formats.family import Family
from gen.ir.widths import Width
from tests.gen.explore.sweeps import FOUR_BITS


def space(*sweeps, fixed=None, boards=("arty_a7",), widths=FOUR_BITS):
    parsed = tuple(Sweep.parse(text) for text in sweeps)
    return Space(parsed, parse_fixed(fixed), boards, widths, None, 0.8)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("sr=0.125:1.0:8", (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)),
        ("pct_3x3=0.01:0.99:7", (0.01, 0.173333, 0.336667, 0.5, 0.663333, 0.826667, 0.99)),
        ("sr=1:0.5:2", (1.0, 0.5)),
        ("sr = 0.1 : 0.3 : 3", (0.1, 0.2, 0.3)),
        ("sr=0.5, 0.25,0.5", (0.5, 0.25)),
        ("size=32:64:3", (32, 48, 64)),
        ("base_e=64:128:4", (64, 85, 107, 128)),
        ("freq=1:3:9", (1, 2, 3)),
        ("bypass=none,simple,complex", ("none", "simple", "complex")),
        ("sr=0:1:2", (0.0, 1.0)),
        ("classes=10", (10,)),
    ],
)
def test_values_of_a_sweep(text, values):
    sweep = Sweep.parse(text)
    assert (sweep.key, sweep.values) == (text.partition("=")[0].strip(), values)
    assert [type(value) for value in sweep.values] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sr", "--sweep 'sr': write NAME=FIRST:LAST:COUNT"),
        ("sr=", "--sweep 'sr=': write NAME=FIRST:LAST:COUNT"),
        ("rs=0.5", "--sweep rs=0.5: no 'rs'; there are base_e, incr_e, pct_3x3, freq, sr"),
        ("sr=a,0.5", "sr takes numbers, not 'a'"),
        ("sr=nan", "sr takes numbers, not 'nan'"),
        ("sr=0.1,1e999", "sr takes numbers, not '1e999'"),
        ("sr=0.5,", "sr takes numbers, not ''"),
        ("size=1" + 400 * "0", "size takes whole numbers, not '1000"),
        ("size=32.5", "size takes whole numbers, not '32.5'"),
        ("sr=0.1:0.5", "a range is FIRST:LAST:COUNT"),
        ("sr=0.1:0.5:x", "COUNT takes whole numbers, not 'x'"),
        ("sr=0.1:0.5:1", "COUNT is 2 to 10000; for one value, sr=VALUE"),
        ("sr=0.1:0.5:999999999", "COUNT is 2 to 10000"),
        ("sr=x:0.5:3", "sr takes numbers, not 'x'"),
        ("bypass=none:simple:2", "bypass takes words, like bypass=none,simple,complex"),
        ("bypass=none,both", "bypass takes none, simple, complex, not 'both'"),
    ],
)
def test_sweeps_that_are_not_understood(text, message):
    with pytest.raises(FirebrickError) as error:
        Sweep.parse(text)
    assert message in str(error.value)


def test_every_metaparameter_has_a_kind_that_is_parsed():
    assert KINDS == {key: type(getattr(Family(), key)).__name__ for key in KINDS}
    for key in KINDS:
        value = getattr(Family(), key)
        assert Sweep.parse(f"{key}={value}").values == (value,)


def test_points_are_all_combinations():
    swept = space(
        "sr=0.25,0.5", "bypass=none,simple", fixed="size=64,base_e=32", boards=("arty_a7", "b"),
        widths=(Width(4), Width(3, 5)),
    )  # fmt: skip
    points = list(swept.points())
    told = [
        (p.board, str(p.width), p.values["sr"], p.values["bypass"], p.values["size"])
        for p in points
    ]
    assert told == list(
        product(("arty_a7", "b"), ("4", "3c5"), (0.25, 0.5), ("none", "simple"), (64,))
    )
    assert points[0].family() == Family(sr=0.25, size=64, base_e=32)
    assert swept.swept == ("sr", "bypass")


def test_a_point_is_the_same_however_it_was_asked_for():
    (a,) = space("sr=0.5", fixed="size=64").points()
    (b,) = space("size=64", fixed="sr=0.5").points()
    (c,) = space(fixed="sr=0.5,size=64,freq=2").points()
    assert a == b == c
    assert a.to_json() == c.to_json()


@pytest.mark.parametrize(
    ("sweeps", "fixed", "message"),
    [
        (("sr=0.5", "sr=0.25"), None, "sr is given twice"),
        (("sr=0.5",), "sr=0.25", "sr is given twice"),
        ((), "sr=0.25,sr=0.5", "--family sr=0.5: sr is given twice"),
        ((), "sr=0.25:0.5:3", "one value each; sweep it with --sweep sr=0.25:0.5:3"),
        ((), "sr=2,", "--family '': write"),
        (("sr=0.1:1:200", "pct_3x3=0.1:1:200"), None, "has 40000 points, and at most 10000"),
    ],
)
def test_spaces_that_cannot_be(sweeps, fixed, message):
    with pytest.raises(FirebrickError) as error:
        space(*sweeps, fixed=fixed)
    assert message in str(error.value)


def test_widths():
    assert parse_widths("4, 8,3c,4") == (Width(4), Width(8), Width(3, 5))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9", "--bits 9: 9 bits; 2 to 8 are supported"),
        ("", "--bits ''"),
        ("conv1=8", "--bits conv1=8: takes bits for all layers"),
    ],
)
def test_widths_that_cannot_be(text, message):
    with pytest.raises(FirebrickError) as error:
        parse_widths(text)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boards": "arty_a7,arty"}, "unknown board 'arty'; known are arty_a7"),
        ({"boards": ""}, "unknown board ''"),
        ({"clock": float("nan")}, "--clock takes a number of MHz"),
        ({"clock": 1.0}, "MHz"),
        ({"utilisation": 2.0}, "takes more than 0, at most 1"),
    ],
)
def test_choices_that_cannot_be(change, message):
    usual = {"boards": "arty_a7", "sweeps": (), "family": None, "bits": "4", "clock": None}
    with pytest.raises(FirebrickError) as error:
        Choice(**{"utilisation": 0.8, **usual, **change}).space()
    assert message in str(error.value)


def test_a_choice():
    chosen = Choice("arty_a7, genesys2,arty_a7", ("sr=0.5",), "size=64", "4", 80, 0.7).space()
    assert chosen == Space(
        (Sweep("sr", (0.5,)),), {"size": 64}, ("arty_a7", "genesys2"), (Width(4),), 80_000_000, 0.7
    )
