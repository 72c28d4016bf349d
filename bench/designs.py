"""Emitted designs of the default network, for benchmarks to work on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from boards.board import Board
from gen.backend.emit import emit
from gen.common.build_folder import BuildFolder
from gen.formats.default import default_network
from gen.ir.network import QuantizedNetwork
from gen.plan.plan import Plan
from gen.plan.planner import plan


@contextmanager
def emitted(
    board: Board, network: QuantizedNetwork | None = None, fps: float | None = None
) -> Iterator[tuple[Plan, BuildFolder]]:
    """A plan and the folder with its sources, which is gone afterwards.

    Parameters
    ----------
    board : Board
    network : QuantizedNetwork, optional
        The default if not given.
    fps : float, optional
        As :func:`gen.plan.planner.plan` takes it.
    """
    network = network or default_network()
    made = plan(network, board, fps=fps)
    with tempfile.TemporaryDirectory(prefix="firebrick-bench-") as scratch:
        folder = BuildFolder(Path(scratch) / board.name)
        emit(network, made, board, folder)
        yield made, folder
