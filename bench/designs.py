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
    with tempfile.TemporaryDirectory(prefix="firebrick-bench-") as scratch:
        folder = BuildFolder(Path(scratch) / board.name)
        emit(network, made, board, folder, key=key)
        yield made, folder


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
