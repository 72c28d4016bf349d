"""Networks whose paths part and rejoin, and plans of them."""

from functools import cache

from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT
from gen.nodes.graph import Graph
from gen.plan.plan import Plan
from gen.plan.problem import Problem, attempt
from tests.gen.devices import KINTEX
from tests.networks import NetworkBuilder, tiny_network

CLOCK = 100_000_000
CHANNELS = 4
SCALE = 1 / 100


def way(net: NetworkBuilder, name: str, x: str, kernel: int, stride: int = 1) -> str:
    """A convolution that keeps its map's size but for the stride."""
    before, after = kernel // 2, kernel // 2
    return net.conv(
        name, x, CHANNELS, kernel, stride=stride, pad=(before, before, after, after), scale=SCALE
    )


def three(size: int = 6) -> QuantizedNetwork:
    """A bypass around a 3x3."""
    net = NetworkBuilder((size, size, 3), 1)
    x = way(net, "first", INPUT, 1)
    return net.finish("three", net.add("add", way(net, "c", x, 3), x))


def two_modules() -> QuantizedNetwork:
    """A bypass around two Fire modules."""
    net = NetworkBuilder((6, 6, 3), 1)
    x = net.conv("first", INPUT, 8, 1)
    y = net.fire("fire3", net.fire("fire2", x, 2, 4, 4), 2, 4, 4)
    return net.finish("two_modules", net.add("add", x, y))


def pool_in_front() -> QuantizedNetwork:
    """A bypass around a 3x3, both behind a pool."""
    net = NetworkBuilder((12, 12, 3), 1)
    x = net.max_pool("pool", way(net, "first", INPUT, 1), 2, 2)
    return net.finish("pool", net.add("add", x, way(net, "c", x, 3)))


def branches() -> QuantizedNetwork:
    """Kernels of 1x1, 3x3 and 5x5 of stride 2, two of which share a window, and a pool behind."""
    net = NetworkBuilder((11, 9, 3), 1)
    x = way(net, "first", INPUT, 1)
    parts = [way(net, f"k{kernel}", x, kernel, 2) for kernel in (5, 1, 3)]
    x = net.max_pool("pool", net.concat("cat", *parts))
    return net.finish("branches", net.conv("last", x, 3, 1))


NETWORKS = {
    "bypass": three(),
    "two modules": two_modules(),
    "pool": pool_in_front(),
    "branches": branches(),
    "tiny": tiny_network(),
}
GRAPHS = {name: Graph.of(network) for name, network in NETWORKS.items()}


@cache
def made(name: str, part: int = 4) -> Plan:
    """A plan so many times faster than the slowest, or nearly."""
    return planned(NETWORKS[name], part)


def planned(network: QuantizedNetwork, part: int) -> Plan:
    whole = Problem.of(network, KINTEX, 0.8)
    targets = (max(whole.slowest // n, whole.shell_cycles) for n in range(part, 0, -1))
    tries = (attempt(whole, cycles, CLOCK) for cycles in targets)
    return next(found for found in tries if found is not None)
