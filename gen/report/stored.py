"""The figures of a build folder."""

from __future__ import annotations

from dataclasses import replace

from boards import BOARDS
from boards.board import Board, Station
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.common.manifest import EthernetLink, Manifest
from gen.ir.network_file import load_network
from gen.ir.ops import BOARD
from gen.plan.plan import Plan
from gen.report.figures import Figures


def load_figures(folder: BuildFolder) -> Figures:
    """Those of what was built there.

    Raises
    ------
    FirebrickError
        If it is not there, not one of ours, or not complete.
    """
    folder.require(folder.network, folder.plan)
    board, network = _board(folder.manifest(), folder), load_network(folder.network)
    try:
        plan = Plan.from_json(folder.plan.read_text())
        names = {op.name for op in network.ops}
        if names != plan.nodes.keys() or names | {BOARD} != plan.costs.keys():
            raise ValueError("of another network")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise FirebrickError(f"{folder.plan}: damaged ({error!r}); {folder.remedy}") from None
    return Figures(network, plan, board)


def _board(manifest: Manifest, folder: BuildFolder) -> Board:
    """The board that a folder was made for, with its link."""
    if manifest.board not in BOARDS:
        raise FirebrickError(f"{folder}: board {manifest.board!r} is not known; {folder.remedy}")
    known, link = BOARDS[manifest.board], manifest.link
    board = replace(known, coded=manifest.coded, keyed=manifest.keyed)
    if isinstance(link, EthernetLink):
        return replace(board, station=Station(link.ip, link.mac, link.udp_port))
    return replace(board, baud=link.baud)
