"""Designs that the cost estimates are fitted to, and what Yosys counts of them, layer by layer."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np

from bench.designs import emitted
from bench.kinds import kinds
from bench.same import content
from boards import BOARDS
from boards.board import TOP, Board, Family
from gen.backend.cells import CellCount
from gen.backend.synth import SYNTHESIS, synthesise
from gen.common.build_folder import BuildFolder
from gen.common.files import replacing
from gen.cost.coefficients import Coefficients
from gen.cost.model import CostModel
from gen.formats.default import default_network
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import BOARD, Conv
from gen.nodes.graph import Graph
from gen.plan.plan import Plan
from gen.plan.planner import estimate

COUNTED = ("lut", "ff")
COUNTS = Path("build/calibrate")
"""What Yosys counted is kept here, by a digest of the design, so that no run is lost."""


@dataclass(frozen=True)
class Design:
    """A network with weights of so many bits, on a board of so many DSP blocks.

    Attributes
    ----------
    bits : int
    board : str
    fps : float or None
        As :func:`gen.plan.planner.plan` takes it.
    dsp : int or None
        The board's own unless given.
    name : "default" or "kinds"
        The default network, or the one of :mod:`bench.kinds`.
    """

    bits: int
    board: str
    fps: float | None = None
    dsp: int | None = None
    name: Literal["default", "kinds"] = "default"

    @property
    def network(self) -> QuantizedNetwork:
        """The network; the default's weights rescaled: to count LUTs of, not to classify with."""
        if self.name == "kinds":
            return kinds(self.bits)
        network = default_network()
        ops = [_rescaled(op, self.bits) if isinstance(op, Conv) else op for op in network.ops]
        return replace(network, ops=tuple(ops))

    @property
    def target(self) -> Board:
        """The board with its DSP blocks cut down."""
        board = BOARDS[self.board]
        dsp = board.resources.dsp if self.dsp is None else self.dsp
        return replace(board, resources=replace(board.resources, dsp=dsp))


DESIGNS = (
    Design(8, "arty_a7", fps=500, dsp=60, name="kinds"),
    Design(6, "arty_a7", fps=450, dsp=90),
    Design(6, "arty_a7", fps=4000, name="kinds"),
    Design(4, "arty_a7", fps=1500),
    Design(4, "arty_a7", fps=1000, name="kinds"),
    Design(8, "arty_a7", fps=800),
    Design(4, "arty_a7", fps=800, dsp=45),
    Design(3, "arty_a7", fps=400, dsp=60),
)
"""Every kind of layer; multipliers of both kinds, overlapping and plain packing, weights in block
RAM and in LUTs."""
ECP5 = Design(4, "ulx3s_85", fps=200)
"""For the one coefficient that tells this family's look-up tables from the 7-series'."""


def _rescaled(op: Conv, bits: int) -> Conv:
    limit = (1 << (bits - 1)) - 1
    # Noise, or the low bits of widened weights were zero and their logic optimised away.
    noise = np.random.default_rng(bits).uniform(-0.5, 0.5, op.weights.shape)
    weights = np.rint((op.weights + noise) * 2.0 ** (bits - op.weight_bits))
    return replace(op, weights=np.clip(weights, -limit, limit).astype(np.int8), weight_bits=bits)


@dataclass(frozen=True, eq=False)
class Sample:
    """A design and what Yosys counted of each of its layers, link and shell left out."""

    design: Design
    network: QuantizedNetwork
    made: Plan
    counts: dict[str, CellCount]

    @property
    def title(self) -> str:
        """The design in a few words."""
        design = self.design
        return f"{design.name}, {design.bits} bits on {design.board}, {self.made.cycles} cycles"

    def counted(self) -> np.ndarray:
        """LUTs and flip-flops of each layer, (layers, 2)."""
        return np.array([[getattr(count, k) for k in COUNTED] for count in self.counts.values()])

    def estimated(self, coefficients: Coefficients) -> np.ndarray:
        """The same by the formulas."""
        model = CostModel(coefficients)
        costs = estimate(self.network, self.design.target, self.made, model).costs
        rows = [[getattr(costs[name].resources, k) for k in COUNTED] for name in self.counts]
        return np.array(rows, dtype=float)

    def kinds(self) -> list[str]:
        """The kind of node that each layer is."""
        graph = Graph.of(self.network)
        return [type(graph[name]).__name__.removesuffix("Node") for name in self.counts]


def measure(design: Design, kept: Path = COUNTS) -> Sample:
    """Plan, generate and synthesise a design, unless Yosys has counted it before.

    Parameters
    ----------
    design : Design
    kept : Path
        Folder of what was counted.
    """
    network, target = design.network, design.target
    with emitted(target, network, design.fps) as (made, folder):
        path = kept / f"{_digest(folder, target.family)}.json"
        if path.is_file():
            counts = {k: CellCount(**entry) for k, entry in json.loads(path.read_text()).items()}
        else:
            counts = synthesise(folder, target.family, network).counts
            _keep(path, counts)
    del counts[BOARD]
    return Sample(design, network, made, counts)


def _digest(folder: BuildFolder, family: Family) -> str:
    """Of what Yosys reads, of its commands, and of its version."""
    commands = SYNTHESIS[family](TOP, pads=False)
    how = json.dumps([version("pyosys"), *commands]).encode()
    return sha256(how + content(folder.design)).hexdigest()[:16]


def _keep(path: Path, counts: dict[str, CellCount]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(json.dumps({name: asdict(count) for name, count in counts.items()}).encode())
