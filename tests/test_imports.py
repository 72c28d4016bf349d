"""What each package may import: data goes one way, from the network file to the board."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.paths import ROOT

GEN_PARTS = frozenset(
    f"gen.{part}"
    for part in (
        "common",
        "ir",
        "frames",
        "formats",
        "quantise",
        "cost",
        "nodes",
        "plan",
        "timing",
        "report",
        "backend",
        "ip",
        "explore",
    )
)
CORE = frozenset({"hw.stream", "hw.arith", "hw.layers"})
HARDWARE = CORE | {"hw.frames", "hw.link", "hw.axi"}
MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "protocol": frozenset(),
    "hw.stream": frozenset({"protocol"}),
    "hw.arith": frozenset({"protocol", "hw.stream"}),
    "hw.layers": frozenset({"protocol", "hw.stream", "hw.arith"}),
    "hw.frames": frozenset({"protocol", "hw.stream"}),
    "hw.link": frozenset({"protocol", "hw.stream", "hw.arith", "hw.frames"}),
    "hw.axi": frozenset({"protocol", "hw.stream", "hw.link"}),
    "boards": frozenset({"protocol"}) | HARDWARE,
    "gen.common": frozenset({"protocol"}),
    "gen.ir": frozenset({"gen.common"}),
    "gen.frames": frozenset({"gen.common", "gen.ir"}),
    "gen.formats": frozenset({"gen.common", "gen.ir"}),
    "gen.quantise": frozenset({"gen.common", "gen.ir", "gen.frames"}),
    "gen.cost": frozenset({"gen.common", "boards"}) | CORE,
    "gen.nodes": frozenset({"gen.common", "gen.ir", "gen.cost", "boards", "protocol"}) | CORE,
    "gen.plan": frozenset({"gen.common", "gen.ir", "gen.cost", "gen.nodes", "boards", "protocol"})
    | HARDWARE,
    "gen.timing": frozenset({"gen.common", "boards"}),
    "gen.report": frozenset(
        {"gen.common", "gen.ir", "gen.cost", "gen.nodes", "gen.plan", "boards", "protocol"}
    ),
    "gen.backend": frozenset(
        {
            "gen.common",
            "gen.ir",
            "gen.nodes",
            "gen.plan",
            "gen.report",
            "gen.timing",
            "boards",
            "protocol",
        }
    )
    | HARDWARE,
    "gen.ip": frozenset(
        {
            "gen.common",
            "gen.ir",
            "gen.cost",
            "gen.nodes",
            "gen.plan",
            "gen.report",
            "gen.backend",
            "boards",
            "hw.axi",
            "hw.link",
            "protocol",
        }
    ),
    "gen.explore": frozenset(
        {"gen.common", "gen.ir", "gen.formats", "gen.quantise", "gen.nodes", "gen.plan", "boards"}
    ),
    "gen": GEN_PARTS | {"boards", "protocol"},
    "sim": GEN_PARTS | HARDWARE | {"boards", "protocol"},
    "sim.golden": frozenset({"gen.ir"}),
    "host": frozenset({"gen.common", "gen.ir", "gen.frames", "protocol"}),
    "host.sim_transport": frozenset({"gen.common", "protocol", "host", "sim"}),
    "host.expected": frozenset({"gen.common", "gen.ir", "sim.golden"}),
    "host.networks": frozenset({"gen.common", "gen.ir", "gen.formats"}),
    "host.serve": frozenset(
        {"gen.common", "gen.ir", "gen.frames", "gen.report", "boards", "protocol", "host"}
    ),
    "host.serve.default": GEN_PARTS | {"gen", "boards"},
    "models": GEN_PARTS | {"sim", "sim.golden"},
    "bench": GEN_PARTS | HARDWARE | {"gen", "boards", "protocol", "sim", "sim.golden", "host"},
}
"""By package, others that it may import; each imports itself. A longer name is an exception."""
EXCEPTIONS = {
    ("host", "host.sim_transport"),
    ("host", "host.expected"),
    ("host", "host.networks"),
    ("host", "host.serve"),
    ("host.serve", "host.serve.default"),
    ("sim", "sim.golden"),
    ("bench", "host.sim_transport"),
    ("bench", "host.serve"),
}
"""Who may import modules that have a line of their own."""


def modules(root: Path) -> dict[str, Path]:
    """The files under our packages, by the name that they are imported by."""
    found = {}
    for top in sorted({name.partition(".")[0] for name in MAY_IMPORT}):
        for path in sorted((root / top).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: Iterable[str]) -> set[str]:
    """Our modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else node.module for name in names}
    return found & set(known)


def package(module: str) -> str:
    """The line of the table that a module belongs to: the longest that its name begins with."""
    parts = module.split(".")
    return next(
        name
        for name in (".".join(parts[:n]) for n in range(len(parts), 0, -1))
        if name in MAY_IMPORT or name == "hw"
    )


def wrong_arrows(arrows: Mapping[str, set[str]]) -> Iterator[str]:
    """Imports that the table forbids."""
    for module, imported in arrows.items():
        own = package(module)
        for other in sorted(imported):
            to = package(other)
            if to != own and to not in MAY_IMPORT.get(own, ()) and (own, to) not in EXCEPTIONS:
                yield f"{module} imports {other}"


def cycle(arrows: Mapping[str, set[str]]) -> list[str]:
    """Modules that import one another in a ring; none in a tree that is in order."""
    try:
        TopologicalSorter({name: others - {name} for name, others in arrows.items()}).prepare()
    except CycleError as error:
        return error.args[1]
    return []


@pytest.fixture(scope="module")
def arrows():
    known = modules(ROOT)
    return {name: imports(path, known) for name, path in known.items()}


def test_each_package_imports_only_what_it_may(arrows):
    assert list(wrong_arrows(arrows)) == []


def test_nothing_imports_itself_by_a_detour(arrows):
    assert cycle(arrows) == []


def test_packages_form_no_ring(arrows):
    between = {name: {name} for name in (*MAY_IMPORT, "hw")}
    for module, imported in arrows.items():
        between[package(module)] |= {package(other) for other in imported}
    # The simulated board is the one transport that is made of what it reaches, and the server
    # the one command that is a package.
    between["host"] -= {"host.sim_transport", "host.serve"}
    assert cycle(between) == []


def test_every_line_of_the_table_is_used(arrows):
    assert {package(module) for module in arrows} >= set(MAY_IMPORT)


@pytest.mark.parametrize(
    ("place", "line", "complaint"),
    [
        ("gen/plan/planner.py", "from gen.backend.emit import emit", "gen.backend.emit"),
        ("gen/report/figures.py", "from gen.backend.synth import Synthesis", "gen.backend.synth"),
        ("gen/nodes/conv.py", "from gen.plan.plan import Plan", "gen.plan.plan"),
        ("gen/nodes/pool.py", "from hw.link import shell", "hw.link.shell"),
        ("gen/cost/model.py", "from gen.nodes.lanes import pixels", "gen.nodes.lanes"),
        ("gen/ir/graph.py", "from gen.frames import images", "gen.frames.images"),
        ("gen/formats/fbz.py", "import gen.quantise.integers", "gen.quantise.integers"),
        ("gen/common/files.py", "from gen.ir.ops import Conv", "gen.ir.ops"),
        ("hw/arith/rom.py", "from hw.layers.conv import ConvEngine", "hw.layers.conv"),
        ("hw/stream/fifo.py", "from hw.link import shell", "hw.link.shell"),
        ("host/driver.py", "from gen.plan.plan import Plan", "gen.plan.plan"),
        ("host/driver.py", "from sim import golden", "sim.golden"),
        ("host/expected.py", "from sim.simulator import Simulator", "sim.simulator"),
        ("sim/golden.py", "from gen.frames.images import load_frame", "gen.frames.images"),
        ("protocol/packets.py", "def late():\n    import hw.link.uart", "hw.link.uart"),
    ],
)
def test_a_wrong_arrow_is_found(arrows, tmp_path, place, line, complaint):
    path = tmp_path / Path(place).name
    path.write_text((ROOT / place).read_text() + f"\n\n{line}\n")
    module = place.removesuffix(".py").replace("/", ".")
    drawn = {**arrows, module: imports(path, arrows)}
    assert list(wrong_arrows(drawn)) == [f"{module} imports {complaint}"]


def test_a_ring_is_found(arrows):
    drawn = {**arrows, "gen.ir.ops": arrows["gen.ir.ops"] | {"gen.ir.network"}}
    assert {"gen.ir.ops", "gen.ir.network"} <= set(cycle(drawn))
