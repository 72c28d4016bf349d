"""What the parts of an accelerator are called: modules, and the streams of its tensors."""

from __future__ import annotations

from itertools import chain, count

from gen.nodes.graph import Graph

SUMS = "class_sums"
"""The module that sends class sums one at a time."""


def module_names(graph: Graph) -> dict[str, str]:
    """What each node's module is called inside the accelerator, by the node's name.

    A tensor's name as a Verilog identifier; where two come out alike, the later ones get a number.
    """
    found: dict[str, str] = {}
    taken = {SUMS}
    for node in graph:
        base = _identifier(node.name)
        numbered = (f"{base}_{number}" for number in count(2))
        ports = len(node.ports)
        name = next(n for n in chain([base], numbered) if not {n, *_parts(n, ports)} & taken)
        taken |= {name, *_parts(name, ports)}
        found[node.name] = name
    return found


def _parts(module: str, ports: int) -> list[str]:
    """Modules that may stand around a node's."""
    forks = [fork_name(module), fork_name(module, tap=True)]
    queues = [name(module, port) for port in range(ports) for name in (lanes_name, queue_name)]
    return forks + queues


def lanes_name(module: str, port: int) -> str:
    """The lane converter in front of an input of a node's module."""
    return f"{module}_lanes{port}"


def queue_name(module: str, port: int) -> str:
    """The queue in front of an input of a node's module."""
    return f"{module}_queue{port}"


def fork_name(module: str, *, tap: bool = False) -> str:
    """The fork behind a node's module, or behind the tap of its windows."""
    return f"{module}_tap_fork" if tap else f"{module}_fork"


def owners(graph: Graph) -> dict[str, str]:
    """The node that each module directly inside the accelerator belongs to, by its name."""
    *_, last = graph
    found = {SUMS: last.name}
    for name, module in module_names(graph).items():
        parts = [module, *_parts(module, len(graph[name].ports))]
        found |= dict.fromkeys(parts, name)
    return found


def stream_paths(graph: Graph) -> dict[str, str]:
    """Hierarchical path of the stream of each tensor inside the accelerator, but for the input.

    ``fire2_expand3x3.requantise.o`` for a convolution, for example. Each path names the unit that
    makes the tensor: in the Verilog of a unit that only wires others up, their ports can take the
    names of its own.
    """
    return {name: f"{module}.{graph[name].stream}" for name, module in module_names(graph).items()}


def _identifier(name: str) -> str:
    plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in name).strip("_")
    return plain if plain[:1].isalpha() else f"layer_{plain}".rstrip("_")
