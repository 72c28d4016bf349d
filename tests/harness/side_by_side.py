"""Several components in one design, so that they are compiled and started together."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amaranth.hdl import ClockDomain, Elaboratable, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from tests.harness.verilated import TOP, build
from tests.harness.verilog import Write

_PORTS = ("*_clk", "*_rst", "*__valid", "*__ready", "*__payload")
"""Clocks, resets and all streams."""


class SideBySide(wiring.Component):
    """Components that share nothing: each has its own clock and reset.

    One of them costs nothing while others are clocked.

    Parameters
    ----------
    components : sequence of wiring.Component

    Members
    -------
    ``u0``, ``u1``, … : the streams of each component
    ``u0_clk``, ``u0_rst``, … : In(1)
        Clock and reset of each.
    """

    def __init__(self, components: Sequence[wiring.Component]):
        self._components = {unit_name(at): component for at, component in enumerate(components)}
        members: dict[str, Any] = {}
        for unit, component in self._components.items():
            members[unit] = Out(wiring.Signature(stream_members(component)))
            members[f"{unit}_clk"] = members[f"{unit}_rst"] = In(1)
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        for unit, component in self._components.items():
            clock, reset = getattr(self, f"{unit}_clk"), getattr(self, f"{unit}_rst")
            m.submodules[unit] = _Unit(component, getattr(self, unit), clock, reset)
        return m


class _Unit(Elaboratable):
    """A component, called ``dut``, with its streams, its clock and its reset connected."""

    def __init__(self, component, ports, clock, reset):
        self._component, self._ports = component, ports
        self._clock, self._reset = clock, reset

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = sync = ClockDomain(local=True)
        m.d.comb += [sync.clk.eq(self._clock), sync.rst.eq(self._reset)]
        m.submodules.dut = component = self._component
        for name in stream_members(component):
            outer, inner = getattr(self._ports, name), getattr(component, name)
            wiring.connect(m, wiring.flipped(outer), inner)
        return m


def unit_name(at: int) -> str:
    """What the component at an index is called in the design."""
    return f"u{at}"


def stream_members(component: wiring.Component) -> dict[str, wiring.Member]:
    """The streams of a component by name; its other outputs are left alone.

    Raises
    ------
    ValueError
        If there is an input that is no stream.
    """
    found = {}
    for name, member in component.signature.members.items():
        if member.is_port and member.flow is Out:
            continue
        if not (member.is_signature and isinstance(member.signature, stream.Signature)):
            raise ValueError(f"port {name} is no stream")
        found[name] = member
    return found


def inner_stream(unit: str, name: str) -> str:
    """Where a stream inside a component is in the design; ``name`` is where it is in there."""
    return f"{unit}.dut.{name}"


def build_side_by_side(
    components: Sequence[wiring.Component],
    folder: Path,
    write: Write,
    inner: Sequence[str] = (),
) -> None:
    """Compile components into one simulator.

    Parameters
    ----------
    components : sequence of wiring.Component
    folder : Path
        Where to build.
    write : callable
        What writes the design as Verilog.
    inner : sequence of str
        Streams inside components that are to be seen too, as :func:`inner_stream` names them.
    """
    source = folder / f"{TOP}.v"
    places = [f"{TOP}.{stream}".rpartition(".") for stream in inner]
    shown = [(module, f"{name}__*") for module, _, name in places]
    write(SideBySide(components), source, TOP, shown)
    build(source, folder, _PORTS, shown)
