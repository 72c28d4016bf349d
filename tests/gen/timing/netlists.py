"""Small netlists as Yosys writes them, in which each number is a net."""

import json

from gen.timing.netlist import Netlist, flatten
from gen.timing.wires import WireModel

WIRES = WireModel(base=1.0, slope=0.1, wide_slope=0.5, block=0.25, feed=0.2, routed=1.5, error=0.1)
"""Constants that sums are easily told apart by."""
CLOCK, OTHER_CLOCK = 1000, 1001
OUTPUTS = {"O", "Q", "Z", "CO", "P", "PCOUT", "S0", "S1", "COUT", "DO", "DOADO", "DOBDO", "DOA"}


def cell(kind, _parameters=None, **pins):
    """A cell with nets at its pins: one, several or a constant; all but outputs are inputs."""
    connections = {port: net if isinstance(net, list) else [net] for port, net in pins.items()}
    directions = {port: "output" if port in OUTPUTS else "input" for port in pins}
    return {
        "type": kind,
        "parameters": _parameters or {},
        "port_directions": directions,
        "connections": connections,
    }


def ff(d, q, *, clock=CLOCK, **pins):
    """A flip-flop without enable and reset unless they are given."""
    return cell("FDRE", **{"C": clock, "CE": "1", "R": "0", **pins, "D": d, "Q": q})


def module(cells, names=None, ports=None):
    """A module of these cells, with public names of nets, and ports ``name: nets``."""
    named = {name: net if isinstance(net, list) else [net] for name, net in (names or {}).items()}
    return {
        "attributes": {},
        "ports": {
            name: {"direction": "input", "bits": bits} for name, bits in (ports or {}).items()
        },
        "cells": {f"cell{number}": entry for number, entry in enumerate(cells)},
        "netnames": {name: {"hide_name": 0, "bits": bits} for name, bits in named.items()},
    }


def black_box(ports):
    """A module of which only the ports are known."""
    return {**module([], ports=ports), "attributes": {"blackbox": f"{1:032b}"}}


def netlist(*cells, **names) -> Netlist:
    """A flat netlist of these cells."""
    return flatten({"top": module(cells, names)}, "top")


def write(path, modules):
    """Write modules as ``write_json`` does; returns the path."""
    path.write_text(json.dumps({"creator": "Yosys", "modules": modules}))
    return path
