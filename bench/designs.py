"""Emitted designs, for benchmarks to work on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from boards.board import TOP, Board, Family
from gen.backend.emit import emit
from gen.backend.rtlil import run_yosys
from gen.backend.synth import SYNTHESIS
from gen.common.build_folder import BuildFolder
from gen.formats.default import default_network
from gen.ir.network import QuantizedNetwork
from gen.plan.linked import LinkedGoal
from gen.plan.plan import Plan
from gen.plan.planner import UTILISATION, plan
from gen.timing.netlist import Netlist, read_netlist


@contextmanager
def emitted(
    board: Board,
    network: QuantizedNetwork | None = None,
    fps: float | None = None,
    utilisation: float = UTILISATION,
    key: bytes | None = None,
) -> Iterator[tuple[Plan, BuildFolder]]:
    """A plan and the folder with its sources, which is gone afterwards.

    Parameters
    ----------
    board : Board
    network : QuantizedNetwork, optional
        The default if not given.
    fps : float, optional
    utilisation : float
        As :func:`gen.plan.planner.plan` takes them.
    key : bytes, optional
        Of whoever may replace contents; for keyed boards.
    """
    network = network or default_network()
    made = plan(network, board, fps=fps, utilisation=utilisation)
    with _scratch(board) as folder:
        emit(network, made, board, folder, key=key)
        yield made, folder


@contextmanager
def generated(
    linked: LinkedGoal, network: QuantizedNetwork | None = None
) -> Iterator[tuple[Board, Plan, BuildFolder]]:
    """What ``python -m gen`` makes: the board takes coded frames where its link needs them.

    Parameters
    ----------
    linked : LinkedGoal
    network : QuantizedNetwork, optional
        The default if not given.

    Returns
    -------
    board : Board
    plan : Plan
    folder : BuildFolder
        With the sources; it is gone afterwards.

    Raises
    ------
    FirebrickError
        If the network does not fit.
    """
    network = network or default_network()
    goal, made = linked.plan(network)
    with _scratch(goal.board) as folder:
        emit(network, made, goal.board, folder)
        yield goal.board, made, folder


@contextmanager
def _scratch(board: Board) -> Iterator[BuildFolder]:
    with tempfile.TemporaryDirectory(prefix="firebrick-bench-") as scratch:
        yield BuildFolder(Path(scratch) / board.name)


def flat_netlist(folder: BuildFolder, family: Family) -> Netlist:
    """Synthesise an emitted design as a whole, as the build scripts do it.

    Parameters
    ----------
    folder : BuildFolder
        With a link that needs no core of others.
    family : str
        Of its FPGA.

    Raises
    ------
    FirebrickError
        If Yosys is missing or fails.
    """
    path = folder.path / "flat.json"
    run_yosys(f'read_rtlil "{folder.design}"', *SYNTHESIS[family](TOP), f'write_json "{path}"')
    return read_netlist([path], TOP)
