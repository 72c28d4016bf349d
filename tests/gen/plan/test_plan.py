"""Plans: what is written reads back, and decides all of the hardware."""

import json
from dataclasses import replace

import pytest
from amaranth.back import rtlil

from boards.board import Resources
from gen.backend.assemble import Accelerator
from gen.cost.model import CostModel
from gen.ir.network import QuantizedNetwork
from gen.nodes import conv_cost, foldings, option
from gen.nodes.graph import KINDS
from gen.nodes.option import LanesPlan, NodePlan
from gen.plan import queues
from gen.plan.plan import LayerCost, Plan
from gen.plan.planner import plan
from gen.plan.queues import QueuePlan
from hw.layers.folding import DepthwisePlan, EnginePlan, PoolPlan
from hw.stream.fifo import MemoryKind
from tests.gen.devices import ARTY, SMALL
from tests.graphs import GRAPHS
from tests.networks import tiny_network

NETWORKS = {
    "tiny": tiny_network(),
    "depthwise": GRAPHS["depthwise"](),
    "inception": GRAPHS["inception"](),
    "complex_bypass": GRAPHS["complex_bypass"](),
}
FPS = 40_000.0


def rtl(network: QuantizedNetwork, design: Plan) -> str:
    """The accelerator's RTLIL, as text; it tells of source lines, but these stay what they are."""
    return rtlil.convert(Accelerator(network, design), name="accelerator")


@pytest.fixture(scope="module", params=NETWORKS)
def made(request):
    """A network, a plan, and its hardware."""
    network = NETWORKS[request.param]
    design = plan(network, ARTY, fps=FPS)
    return network, design, rtl(network, design)


def test_plans_read_back(made):
    _, design, _ = made
    again = Plan.from_json(design.to_json())
    assert again == design
    assert [type(node) for node in again.nodes.values()] == [
        type(node) for node in design.nodes.values()
    ]
    assert again.to_json() == design.to_json()


def test_all_that_a_plan_holds_is_written():
    engine = EnginePlan(4, 2, 2, "mult18x18d", "block", "lut", 9, "dsp48e1", "block")
    nodes: dict[str, NodePlan] = {
        "conv": engine,
        "depthwise": DepthwisePlan(4, 2, "lut", "lut", "block", 30, "dsp48e1", "block"),
        "pool": PoolPlan(3, "block", 20, "dsp48e1"),
        "concat": LanesPlan(2),
    }
    waiting = {"concat[0]": QueuePlan("add[1]", 7, 2, 14, "block")}
    costs = {name: LayerCost(90, Resources(1, 2, 3, 4.5)) for name in (*nodes, "board")}
    more = {"dsp": 80, "all": 70}
    design = Plan("net", "arty", 1_000_000, nodes, waiting, "block", costs, 90, more)
    assert Plan.from_json(design.to_json()) == design
    entry = json.loads(design.to_json())
    assert {name: node["kind"] for name, node in entry["nodes"].items()} == {
        "conv": "EnginePlan", "depthwise": "DepthwisePlan", "pool": "PoolPlan",
        "concat": "LanesPlan",
    }  # fmt: skip
    assert entry["queues"]["concat[0]"]["join"] == "add[1]"


def test_every_kind_of_plan_can_be_named():
    names = [kind.Plan.__name__ for kind in KINDS]
    assert {kind.Plan for kind in KINDS} >= {EnginePlan, DepthwisePlan, PoolPlan, LanesPlan}
    # Kinds of one name share one class.
    assert len(set(names)) == len({kind.Plan for kind in KINDS})


@pytest.mark.parametrize(
    "change",
    [
        {"clock_hz": "fast"},
        {"clock_hz": 0},
        {"cycles": 1.5},
        {"nodes": {"conv1": {"kind": "Nothing", "lanes": 1}}},
        {"nodes": {"conv1": {"lanes": 1}}},
        {"nodes": {"conv1": {"kind": "LanesPlan", "lanes": 1, "pe": 3}}},
        {"queues": {"conv1[0]": {"depth": 3}}},
        {"queues": []},
        {"costs": {"conv1": {"cycles": 3}}},
        {"more": 1},
    ],
)
def test_other_documents_are_refused(change):
    entry = json.loads(plan(tiny_network(), SMALL).to_json()) | change
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        Plan.from_json(json.dumps(entry))


def fail(*arguments, **keywords):
    raise AssertionError("asked for an estimate")


def test_a_plan_that_was_read_makes_the_same_hardware_without_an_estimate(made, monkeypatch):
    network, design, before = made
    for name in ("__init__", "fitted", "on_family", *(n for n in vars(CostModel) if "_cost" in n)):
        monkeypatch.setattr(CostModel, name, fail)
    for module, name in (
        (conv_cost, "engine_cost"), (conv_cost, "scale_memory"), (conv_cost, "scaler_kind"),
        (foldings, "options"), (option, "pareto"), (queues, "queues"), (queues, "waits"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, fail)
    for kind in KINDS:
        monkeypatch.setattr(kind, "cost", fail)
        monkeypatch.setattr(kind, "options", fail)
    with pytest.raises(AssertionError, match="asked for an estimate"):
        plan(network, ARTY, fps=FPS)
    assert rtl(network, Plan.from_json(design.to_json())) == before


@pytest.mark.parametrize("made", ["complex_bypass"], indirect=True)
def test_what_the_plan_says_is_built(made):
    """Another memory or depth is another hardware; another cost is not."""
    network, design, before = made
    edge, queue = next(iter(design.queues.items()))
    deeper = design.queues | {edge: replace(queue, depth=queue.depth + 1)}
    name = network.convs[0].name
    engine = design.nodes[name]
    assert isinstance(engine, EnginePlan)
    other: MemoryKind = "block" if engine.weight_memory == "lut" else "lut"
    changed = design.nodes | {name: replace(engine, weight_memory=other)}
    assert rtl(network, replace(design, queues=deeper)) != before
    assert rtl(network, replace(design, nodes=changed)) != before
    assert rtl(network, replace(design, costs={}, cycles=1, headroom={"all": 3})) == before
