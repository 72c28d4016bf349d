"""Yosys' JSON netlists as one flat list of vendor cells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gen.common.errors import FirebrickError

CONSTANT = -1
"""The net of a pin that is tied to a constant or not connected."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A vendor cell.

    Attributes
    ----------
    kind : str
        What Yosys calls it, ``LUT6`` for example.
    module : str
        That it is in.
    parameters : dict
        As in the file: numbers are strings of bits.
    inputs, outputs : dict of list of int
        Nets by port.
    """

    kind: str
    module: str
    parameters: Mapping[str, str]
    inputs: Mapping[str, list[int]]
    outputs: Mapping[str, list[int]]


@dataclass
class Netlist:
    """All vendor cells of a design.

    Attributes
    ----------
    cells : list of Cell
    names : list of str
        Of the nets, by number.
    """

    cells: list[Cell] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def read_netlist(paths: Iterable[str | Path], top: str) -> Netlist:
    """Read a design that Yosys wrote with ``write_json``, in one file or in parts.

    Parameters
    ----------
    paths : iterable of path
        A module that is a black box in one file may be whole in another.
    top : str
        Name of the top module.

    Raises
    ------
    FirebrickError
        If a file is no such netlist, or the top module is missing.
    """
    modules: dict[str, Any] = {}
    for path in paths:
        for name, module in _modules(Path(path)).items():
            if not _is_black_box(module):
                modules[name] = module
    if top not in modules:
        raise FirebrickError(
            f"no module {top!r} in the netlist, only {', '.join(modules) or 'none'}"
        )
    return flatten(modules, top)


def _modules(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())["modules"]
    except (ValueError, LookupError, TypeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise FirebrickError(f"{path}: not a netlist that Yosys' write_json wrote")
    return found


def _is_black_box(module: Mapping[str, Any]) -> bool:
    attributes = module.get("attributes", {})
    return any(int(str(attributes.get(name, "0")), 2) for name in ("blackbox", "whitebox"))


def flatten(modules: Mapping[str, Any], top: str) -> Netlist:
    """Put the cells of all modules below ``top`` into one list.

    Parameters
    ----------
    modules : dict
        As in Yosys' JSON, without black boxes.
    top : str
    """
    work = _Flattening(modules, top)
    work.add(top, {})
    return work.finish()


class _Flattening:
    """Numbers nets through the hierarchy; those that a port makes one are joined at the end."""

    def __init__(self, modules: Mapping[str, Any], top: str):
        self._modules = modules
        self._top = top
        self._cells: list[Cell] = []
        self._names: list[str] = []
        self._same: dict[int, int] = {}
        self._ranks: dict[int, tuple[bool, int, int]] = {}

    def add(self, name: str, ports: Mapping[str, list[int]]) -> None:
        """Add an instance of a module, whose ports are connected to these nets."""
        module = self._modules[name]
        nets = self._own_nets(module, ports)
        self._name(module, nets, self._prefix(name))
        for cell in module["cells"].values():
            pins = {
                port: [nets.get(bit, CONSTANT) for bit in bits]
                for port, bits in cell["connections"].items()
            }
            if cell["type"] in self._modules:
                self.add(cell["type"], pins)
            else:
                self._cells.append(_cell(cell, name, pins))

    def _own_nets(
        self, module: Mapping[str, Any], ports: Mapping[str, list[int]]
    ) -> dict[int | str, int]:
        """Nets by the module's own numbers, all those that it names or its cells use."""
        nets: dict[int | str, int] = {}
        for port, outside in ports.items():
            for bit, net in zip(module["ports"][port]["bits"], outside, strict=True):
                if net == CONSTANT:
                    continue
                if isinstance(bit, str):
                    self._same[net] = CONSTANT
                elif nets.setdefault(bit, net) != net:
                    self._same[net] = nets[bit]
        used = (pins for c in module["cells"].values() for pins in c["connections"].values())
        for bits in used:
            for bit in bits:
                if bit not in nets and not isinstance(bit, str):
                    nets[bit] = len(self._names)
                    self._names.append("")
        return nets

    def _prefix(self, module: str) -> str:
        """Where a module is below the top: our modules are called by their place."""
        return "" if module == self._top else f"{module.removeprefix(f'{self._top}.')}."

    def _name(self, module: Mapping[str, Any], nets: Mapping[int | str, int], prefix: str) -> None:
        """Call the nets by the module's public names."""
        for own, entry in module["netnames"].items():
            if entry.get("hide_name") or own.startswith("$"):
                continue
            name = prefix + own
            bits, rank = entry["bits"], _rank(name)
            for index, bit in enumerate(bits):
                net = nets.get(bit, CONSTANT)
                if net != CONSTANT and rank > self._ranks.get(net, _UNNAMED):
                    self._ranks[net] = rank
                    self._names[net] = f"{name}[{index}]" if len(bits) > 1 else name

    def finish(self) -> Netlist:
        """The netlist, with nets that are the same under one number."""
        if not self._same:
            return Netlist(self._cells, self._names)
        for cell in self._cells:
            for bits in (*cell.inputs.values(), *cell.outputs.values()):
                bits[:] = [self._root(bit) for bit in bits]
        return Netlist(self._cells, self._names)

    def _root(self, net: int) -> int:
        while net in self._same:
            net = self._same[net]
        return net


_UNNAMED = (False, -1, 0)
_DERIVED = re.compile(r"_(LUT\d|CCU2C|PFUMX|L6MUX21|TRELLIS_\w+|MULT18X18D|DP16KD)_")
"""In names that Yosys' autoname made of the cells around a net."""


def _rank(name: str) -> tuple[bool, int, int]:
    """How well a name tells a net: by the design rather than the tools, deep inside, and short."""
    return "$" not in name and not _DERIVED.search(name), name.count("."), -len(name)


def _cell(entry: Mapping[str, Any], module: str, pins: dict[str, list[int]]) -> Cell:
    directions = entry.get("port_directions", {})
    outputs = {p: bits for p, bits in pins.items() if directions.get(p) == "output"}
    inputs = {p: bits for p, bits in pins.items() if directions.get(p) == "input"}
    return Cell(entry["type"], module, entry.get("parameters", {}), inputs, outputs)
