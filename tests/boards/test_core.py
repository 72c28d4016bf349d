import pytest

from boards.board import Resources
from boards.core import share_of
from boards.parts import find_part

PART = find_part("xc7z020")


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ("", Resources(42_560, 85_120, 220, 140)),
        ("lut=0.6,dsp=200,bram=100", Resources(31_920, 85_120, 200, 100)),
        ("lut=1000,ff=2000,dsp=1,bram=0.5", Resources(1000, 2000, 1, 70)),
        ("bram=1.5,dsp=1.0", Resources(42_560, 85_120, 220, 1.5)),
        ("dsp=0", Resources(42_560, 85_120, 0, 140)),
    ],
)
def test_budgets(budget, expected):
    assert share_of(PART, budget, 0.8) == expected


@pytest.mark.parametrize(
    ("budget", "complaint"),
    [
        ("dsp", "takes a number"),
        ("dsp=many", "takes a number"),
        ("dsp=nan", "takes a number"),
        ("dsp=-1", "takes a number"),
        ("uram=5", "which is unknown; it takes lut, ff, dsp, bram"),
        ("dsp=5,dsp=6", "twice"),
        ("dsp=221", "'dsp=221', and the part has 220"),
    ],
)
def test_budgets_that_make_no_sense(budget, complaint):
    with pytest.raises(ValueError, match=complaint):
        share_of(PART, budget, 0.8)
