"""``component.xml``: the core for Vivado's catalogue, in IP-XACT (IEEE 1685-2009)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

from amaranth.hdl import Shape
from amaranth.lib import wiring

from hw.axi.core import NAME, ports
from protocol.register_kinds import Access, Field, Register
from protocol.registers import ADDRESS_BITS, CoreInfo

SPIRIT = "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009"
XILINX = "http://www.xilinx.com"
VENDOR, LIBRARY, VERSION = "firebrick", "ip", "1.0"
MEMORY_MAP, ADDRESS_BLOCK = "s_axi", "registers"
DRIVEN = {"s_axis_tuser": 0, "m_axis_tready": 1, "m_axis_top1_tready": 1}
"""What inputs are where nothing is connected to them: a source without TUSER, and sinks that nobody
needs."""
STREAMS = {"s_axis": "slave", "m_axis": "master", "m_axis_top1": "master"}
SYNTHESIS, SIMULATION = "xilinx_anylanguagesynthesis", "xilinx_anylanguagebehavioralsimulation"
_ACCESS = {
    Access.READ: "read-only",
    Access.WRITE: "read-write",
    Access.CLEAR: "read-write",
    Access.TRIGGER: "write-only",
    Access.PUSH: "write-only",
}


@dataclass(frozen=True)
class CoreFiles:
    """Names of the files that tools read, beside ``component.xml``.

    Attributes
    ----------
    verilog : str
        For synthesis.
    simulation : str
        Verilog that any simulator can read.
    constraints : str
        The clock, for synthesis out of context.
    """

    verilog: str
    simulation: str
    constraints: str


def component_xml(info: CoreInfo, network: str, files: CoreFiles) -> str:
    """The core as an IP-XACT component.

    Parameters
    ----------
    info : CoreInfo
    network : str
        Its name.
    files : CoreFiles
    """
    Xml.register_namespace("spirit", SPIRIT)
    Xml.register_namespace("xilinx", XILINX)
    root = Xml.Element(f"{{{SPIRIT}}}component")
    _texts(root, vendor=VENDOR, library=LIBRARY, name=NAME, version=VERSION)
    buses = _add(root, "busInterfaces")
    for prefix, role in STREAMS.items():
        _stream(buses, prefix, role)
    _lite(buses)
    _signals(buses)
    _memory_map(root, info)
    model = _add(root, "model")
    _views(model)
    _ports(model, info)
    _file_sets(root, files)
    _texts(root, description=f"firebrick: {network}, {info.classes} classes")
    parameters = _add(root, "parameters")
    _parameter(parameters, "Component_Name", f"{NAME}_v1_0")
    _vendor(root, network)
    Xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, "unicode") + "\n"


def _add(
    parent: Xml.Element, name: str, text: str | None = None, /, **attributes: str
) -> Xml.Element:
    marked = {f"{{{SPIRIT}}}{key}": value for key, value in attributes.items()}
    child = Xml.SubElement(parent, f"{{{SPIRIT}}}{name}", marked)
    child.text = text
    return child


def _texts(parent: Xml.Element, /, **texts: str) -> None:
    for name, text in texts.items():
        _add(parent, name, text)


def _type(parent: Xml.Element, library: str, name: str) -> None:
    """What kind of bus it is, in Vivado's own words for them."""
    for element, suffix in (("busType", ""), ("abstractionType", "_rtl")):
        marks = {
            "vendor": "xilinx.com",
            "library": library,
            "name": name + suffix,
            "version": "1.0",
        }
        _add(parent, element, **marks)


def _interface(
    buses: Xml.Element, name: str, kind: tuple[str, str], role: str, wires: Mapping[str, str]
) -> Xml.Element:
    """A bus whose wires are ports; returns it, to add parameters."""
    bus = _add(buses, "busInterface")
    _texts(bus, name=name)
    _type(bus, *kind)
    own = _add(bus, role)
    if kind[1] == "aximm":
        _add(own, "memoryMapRef", memoryMapRef=MEMORY_MAP)
    maps = _add(bus, "portMaps")
    for logical, physical in wires.items():
        one = _add(maps, "portMap")
        _texts(_add(one, "logicalPort"), name=logical)
        _texts(_add(one, "physicalPort"), name=physical)
    return bus


def _stream(buses: Xml.Element, prefix: str, role: str) -> None:
    names = ("tdata", "tvalid", "tready", "tlast", "tuser")
    wires = {name.upper(): f"{prefix}_{name}" for name in names}
    _interface(buses, prefix, ("interface", "axis"), role, wires)


def _lite(buses: Xml.Element) -> None:
    names = [name for name in ports(8) if name.startswith("s_axi_")]
    wires = {name.removeprefix("s_axi_").upper(): name for name in names}
    bus = _interface(buses, "s_axi", ("interface", "aximm"), "slave", wires)
    _parameter(_add(bus, "parameters"), "PROTOCOL", "AXI4LITE")


def _signals(buses: Xml.Element) -> None:
    """Clock, reset and interrupt."""
    clock = _interface(buses, "aclk", ("signal", "clock"), "slave", {"CLK": "aclk"})
    parameters = _add(clock, "parameters")
    _parameter(parameters, "ASSOCIATED_BUSIF", ":".join([*STREAMS, "s_axi"]))
    _parameter(parameters, "ASSOCIATED_RESET", "aresetn")
    reset = _interface(buses, "aresetn", ("signal", "reset"), "slave", {"RST": "aresetn"})
    _parameter(_add(reset, "parameters"), "POLARITY", "ACTIVE_LOW")
    irq = _interface(buses, "irq", ("signal", "interrupt"), "master", {"INTERRUPT": "irq"})
    _parameter(_add(irq, "parameters"), "SENSITIVITY", "LEVEL_HIGH")


def _parameter(parent: Xml.Element, name: str, value: str) -> None:
    _texts(_add(parent, "parameter"), name=name, value=value)


def _memory_map(root: Xml.Element, info: CoreInfo) -> None:
    one = _add(_add(root, "memoryMaps"), "memoryMap")
    _texts(one, name=MEMORY_MAP)
    block = _add(one, "addressBlock")
    _texts(block, name=ADDRESS_BLOCK, baseAddress="0", range=str(1 << ADDRESS_BITS), width="32")
    _texts(block, usage="register")
    for register in info.registers:
        _register(block, register, info)


def _register(block: Xml.Element, register: Register, info: CoreInfo) -> None:
    one = _add(block, "register")
    kinds = {_ACCESS[field.access] for field in register.fields}
    _texts(
        one,
        name=register.name,
        description=register.about,
        addressOffset=f"0x{register.address:X}",
        size="32",
        access=kinds.pop() if len(kinds) == 1 else "read-write",
    )
    _texts(_add(one, "reset"), value=f"0x{info.reset_value(register):X}")
    for field in register.fields:
        _field(one, field)


def _field(register: Xml.Element, field: Field) -> None:
    one = _add(register, "field")
    _texts(one, name=field.name, description=field.about, bitOffset=str(field.low))
    _texts(one, bitWidth=str(field.bits), access=_ACCESS[field.access])
    if field.access is Access.CLEAR:
        _texts(one, modifiedWriteValue="oneToClear")


def _views(model: Xml.Element) -> None:
    views = _add(model, "views")
    for name, purpose in ((SYNTHESIS, "synthesis"), (SIMULATION, "simulation")):
        view = _add(views, "view")
        _texts(view, name=name, envIdentifier=f":vivado.xilinx.com:{purpose}")
        _texts(view, language="Verilog", modelName=NAME)
        _texts(_add(view, "fileSetRef"), localName=name)


def _ports(model: Xml.Element, info: CoreInfo) -> None:
    parent = _add(model, "ports")
    for name, member in ports(info.beat_bits).items():
        port = _add(parent, "port")
        _texts(port, name=name)
        wire = _add(port, "wire")
        _texts(wire, direction="in" if member.flow is wiring.In else "out")
        width = Shape.cast(member.shape).width
        if width > 1:
            vector = _add(wire, "vector")
            _texts(vector, left=str(width - 1), right="0")
        kinds = _add(_add(wire, "wireTypeDefs"), "wireTypeDef")
        _texts(kinds, typeName="wire")
        for view in (SYNTHESIS, SIMULATION):
            _texts(kinds, viewNameRef=view)
        if name in DRIVEN:
            _texts(_add(wire, "driver"), defaultValue=str(DRIVEN[name]))


def _file_sets(root: Xml.Element, files: CoreFiles) -> None:
    sets = _add(root, "fileSets")
    synthesis, simulation = (_add(sets, "fileSet") for _ in range(2))
    _texts(synthesis, name=SYNTHESIS)
    one = _add(synthesis, "file")
    _texts(one, name=files.verilog, fileType="verilogSource")
    constraints = _add(synthesis, "file")
    _texts(constraints, name=files.constraints)
    for use in ("xdc", "USED_IN_implementation", "USED_IN_out_of_context", "USED_IN_synthesis"):
        _texts(constraints, userFileType=use)
    _texts(simulation, name=SIMULATION)
    one = _add(simulation, "file")
    _texts(one, name=files.simulation, fileType="verilogSource")


def _vendor(root: Xml.Element, network: str) -> None:
    """What Vivado shows in its catalogue."""
    families = ("artix7", "spartan7", "kintex7", "zynq")
    core = Xml.SubElement(_add(root, "vendorExtensions"), f"{{{XILINX}}}coreExtensions")

    def add(parent: Xml.Element, name: str, text: str | None = None, **marks: str) -> Xml.Element:
        marked = {f"{{{XILINX}}}{key}": value for key, value in marks.items()}
        child = Xml.SubElement(parent, f"{{{XILINX}}}{name}", marked)
        child.text = text
        return child

    supported = add(core, "supportedFamilies")
    for family in families:
        add(supported, "family", family, lifeCycle="Production")
    add(add(core, "taxonomies"), "taxonomy", "/firebrick")
    add(core, "displayName", f"firebrick: {network}")
    add(core, "definitionSource", "package_project")
    add(core, "coreRevision", "1")
