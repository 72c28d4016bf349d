import pytest

from boards.board import Resources
from gen.backend.cells import CellCount, count_cells
from gen.common.errors import FirebrickError


def test_cells_of_7_series():
    cells = {"LUT6": 3, "LUT1": 1, "RAM64M": 2, "SRL16E": 5, "FDRE": 7, "CARRY4": 9, "RAMB18E1": 3}
    count = count_cells("xc7", cells | {"DSP48E1": 2, "RAMB36E1": 1, "IBUF": 4})
    assert count == CellCount(lut=17, ff=7, dsp=2, bram36=1, bram18=3, lutram=13)
    assert count.resources == Resources(lut=17, ff=7, dsp=2, bram36=2.5)


def test_cells_of_ecp5():
    cells = {"LUT4": 3, "CCU2C": 2, "TRELLIS_DPR16X4": 2, "TRELLIS_FF": 5, "PFUMX": 6}
    count = count_cells("ecp5", cells | {"MULT18X18D": 2, "DP16KD": 3, "PDPW16KD": 1, "\\IB": 1})
    assert count == CellCount(lut=19, ff=5, dsp=2, bram18=4, lutram=12)
    assert count.resources.bram36 == 2


@pytest.mark.parametrize(
    ("family", "kind"),
    [("xc7", "RAM512X1S"), ("xc7", "$mul"), ("xc7", "MULT18X18D"), ("ecp5", "ALU54B")],
)
def test_cells_that_nobody_knows_are_refused(family, kind):
    with pytest.raises(FirebrickError, match="resources are not known"):
        count_cells(family, {kind: 1})
