"""``component.xml`` against the Verilog that it describes."""

import re
from xml.etree import ElementTree as Xml

import pytest

from gen.ip.emit import COMPONENT, VERILOG
from gen.ip.ip_xact import SPIRIT, CoreFiles, component_xml
from protocol.register_kinds import Access
from protocol.registers import ADDRESS_BITS, fields
from tests.gen.ip.test_registers import UPDATABLE

S = {"s": SPIRIT}


@pytest.fixture(scope="module")
def root(made):
    return Xml.fromstring(made.text(COMPONENT))


def text(element, path):
    return element.findtext(path, namespaces=S)


def verilog_ports(source):
    """Directions and widths of the ports of the top module, by name."""
    module = re.search(r"^module firebrick_core\((.*?)\);(.*?)^endmodule", source, re.M | re.S)
    declared = re.findall(r"^  (input|output) (?:\[(\d+):0\] )?(\w+) ?;", module[2], re.M)
    names = re.findall(r"\w+", module[1])
    found = {name: (way.removesuffix("put"), int(high or 0) + 1) for way, high, name in declared}
    assert sorted(names) == sorted(found)
    return found


def test_ports_are_those_of_the_verilog(root, made):
    found = {}
    for port in root.iterfind(".//s:ports/s:port", S):
        left = text(port, "s:wire/s:vector/s:left")
        width = 1 if left is None else int(left) + 1
        found[text(port, "s:name")] = (text(port, "s:wire/s:direction"), width)
    assert found == verilog_ports(made.text(VERILOG))


def test_every_port_is_a_wire_of_one_bus(root):
    ports = [text(port, "s:name") for port in root.iterfind(".//s:ports/s:port", S)]
    wires = [wire.text for wire in root.iterfind(".//s:physicalPort/s:name", S)]
    assert sorted(wires) == sorted(ports)
    kinds = {
        text(bus, "s:name"): bus.find("s:busType", S).get(f"{{{SPIRIT}}}name")
        for bus in root.iterfind("s:busInterfaces/s:busInterface", S)
    }
    assert kinds == {
        "s_axis": "axis",
        "m_axis": "axis",
        "m_axis_top1": "axis",
        "s_axi": "aximm",
        "aclk": "clock",
        "aresetn": "reset",
        "irq": "interrupt",
    }


def test_wires_have_the_names_of_their_bus(root):
    for bus in root.iterfind("s:busInterfaces/s:busInterface", S):
        name = text(bus, "s:name")
        for wires in bus.iterfind("s:portMaps/s:portMap", S):
            logical = text(wires, "s:logicalPort/s:name")
            physical = text(wires, "s:physicalPort/s:name")
            single = {"CLK": "aclk", "RST": "aresetn", "INTERRUPT": "irq"}
            assert physical == single.get(logical, f"{name}_{logical.lower()}")


def test_clock_and_reset_go_with_all_buses(root):
    clock = next(
        bus for bus in root.iterfind(".//s:busInterface", S) if text(bus, "s:name") == "aclk"
    )
    found = {
        text(one, "s:name"): text(one, "s:value") for one in clock.iterfind(".//s:parameter", S)
    }
    assert found == {
        "ASSOCIATED_BUSIF": "s_axis:m_axis:m_axis_top1:s_axi",
        "ASSOCIATED_RESET": "aresetn",
    }


def test_inputs_that_may_stay_open(root):
    found = {
        text(port, "s:name"): text(port, "s:wire/s:driver/s:defaultValue")
        for port in root.iterfind(".//s:ports/s:port", S)
        if port.find("s:wire/s:driver", S) is not None
    }
    assert found == {"s_axis_tuser": "0", "m_axis_tready": "1", "m_axis_top1_tready": "1"}


def test_the_memory_map_is_that_of_the_registers(root, made):
    check_memory_map(root, made.core.info)
    updatable = component_xml(UPDATABLE, "a network", CoreFiles("a.v", "b.v", "c.xdc"))
    check_memory_map(Xml.fromstring(updatable), UPDATABLE)


def check_memory_map(root, info):
    block = root.find("s:memoryMaps/s:memoryMap/s:addressBlock", S)
    assert int(text(block, "s:range")) == 1 << ADDRESS_BITS
    registers = block.findall("s:register", S)
    assert [
        (
            text(r, "s:name"),
            int(text(r, "s:addressOffset"), 16),
            int(text(r, "s:reset/s:value"), 16),
        )
        for r in registers
    ] == [(r.name, r.address, info.reset_value(r)) for r in info.registers]
    access = {"ro": "read-only", "rw": "read-write", "rw1c": "read-write"}
    access |= {"wo1": "write-only", "wo": "write-only"}
    every = [*fields(info.registers)]
    assert [
        (
            text(r, "s:name"),
            *(text(f, f"s:{n}") for n in ("name", "bitOffset", "bitWidth", "access")),
        )
        for r in registers
        for f in r.iterfind("s:field", S)
    ] == [(r.name, f.name, str(f.low), str(f.bits), access[f.access]) for r, f in every]
    cleared = [
        text(f, "s:name")
        for f in root.iterfind(".//s:field", S)
        if text(f, "s:modifiedWriteValue") == "oneToClear"
    ]
    assert cleared == [f.name for _, f in every if f.access is Access.CLEAR]


def test_files_and_views_are_there(root, made):
    sets = {text(one, "s:name"): one for one in root.iterfind(".//s:fileSets/s:fileSet", S)}
    for view in root.iterfind(".//s:views/s:view", S):
        assert text(view, "s:modelName") == "firebrick_core"
        files = sets[text(view, "s:fileSetRef/s:localName")].findall("s:file", S)
        assert files
        assert all((made.folder.path / text(file, "s:name")).is_file() for file in files)
