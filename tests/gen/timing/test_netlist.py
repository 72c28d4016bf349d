"""Netlists: flattened through the hierarchy, put together from parts, and refused if broken."""

import pytest

from gen.common.errors import FirebrickError
from gen.timing.netlist import CONSTANT, flatten, read_netlist
from tests.gen.timing.netlists import black_box, cell, ff, module, netlist, write


def pins(found, kind):
    """Inputs and outputs of the only cell of a kind."""
    (only,) = (item for item in found.cells if item.kind == kind)
    return {**only.inputs, **only.outputs}


def test_constants_are_told_from_nets():
    found = netlist(cell("LUT4", I0=2, I1="0", I2="x", I3="1", O=3))
    ports = pins(found, "LUT4")
    assert [ports[name] for name in ("I1", "I2", "I3")] == [[CONSTANT]] * 3
    assert ports["I0"] != ports["O"]
    assert CONSTANT not in ports["I0"] + ports["O"]


def hierarchy(inner=None):
    """Two instances in a row of a module that inverts, between flip-flops."""
    inside = inner or module([cell("INV", I=2, O=3)], {"o": 3}, {"i": [2], "o": [3]})
    first, second = cell("top.inner", i=10, o=11), cell("top.inner", i=11, o=12)
    for instance in (first, second):
        instance["port_directions"] = {"i": "input", "o": "output"}
    top = module([ff(20, 10), first, second, ff(12, 21)], {"begin": 10, "end": 21})
    return {"top": top, "top.inner": inside}


def test_instances_are_flattened():
    found = flatten(hierarchy(), "top")
    assert [item.kind for item in found.cells] == ["FDRE", "INV", "INV", "FDRE"]
    assert [item.module for item in found.cells] == ["top", "top.inner", "top.inner", "top"]
    start, one, two, end = found.cells
    assert start.outputs["Q"] == one.inputs["I"]
    assert one.outputs["O"] == two.inputs["I"]
    assert two.outputs["O"] == end.inputs["D"]
    assert found.names[start.outputs["Q"][0]] == "begin"
    assert found.names[two.outputs["O"][0]] == "inner.o"


def test_ports_on_one_net_join_what_they_lead_to():
    wired = module([], ports={"i": [2], "o": [2]})
    start, end = flatten(hierarchy(wired), "top").cells
    assert start.outputs["Q"] == end.inputs["D"] != [CONSTANT]


def test_a_constant_comes_out_of_a_module():
    tied = module([], ports={"i": [2], "o": ["1"]})
    start, end = flatten(hierarchy(tied), "top").cells
    assert end.inputs["D"] == [CONSTANT] != start.outputs["Q"]


def test_a_part_takes_the_place_of_its_black_box(tmp_path):
    whole = hierarchy()
    box = black_box({"i": [2], "o": [3]})
    rest = write(tmp_path / "rest.json", {"top": whole["top"], "top.inner": box})
    part = write(tmp_path / "part.json", {"top.inner": whole["top.inner"]})
    for order in ([rest, part], [part, rest]):
        kinds = [item.kind for item in read_netlist(order, "top").cells]
        assert kinds == ["FDRE", "INV", "INV", "FDRE"]


def test_names_are_the_designs_and_the_innermost():
    names = {
        "deep.down.q": 2,
        "q": 2,
        "deep.down.here.x_LUT4_A": 2,
        "deep.down.here.$signal": 2,
        "bus": [3, 4],
    }
    found = netlist(ff(3, 2), **names)
    assert found.names[found.cells[0].outputs["Q"][0]] == "deep.down.q"
    assert found.names[found.cells[0].inputs["D"][0]] == "bus[0]"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"modules": 3}', "\x00"])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "netlist.json"
    path.write_text(text)
    with pytest.raises(FirebrickError, match=r"netlist.json: not a netlist"):
        read_netlist([path], "top")


def test_a_missing_top_is_told(tmp_path):
    path = write(tmp_path / "netlist.json", {"other": module([])})
    with pytest.raises(FirebrickError, match="no module 'top' in the netlist, only other"):
        read_netlist([path], "top")
