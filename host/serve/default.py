"""The board that is served where none is named: the default network, simulated."""

from __future__ import annotations

from gen.arguments import NetworkOptions
from gen.board_build import Builder
from gen.common.build_folder import DEFAULT, BuildFolder
from gen.common.progress import phases
from gen.compile import compile_network
from gen.generate import Target, Wishes
from gen.plan.planner import UTILISATION


def build_default() -> None:
    """Generate the default's folder with progress, unless it is there.

    Raises
    ------
    FirebrickError
        If it cannot be written.
    """
    folder = BuildFolder(DEFAULT)
    if folder.path.exists():
        return
    folder.check_writable()
    linked = Target(DEFAULT.name).linked(Wishes(None, UTILISATION))
    with phases() as display:
        network = compile_network(NetworkOptions().request(linked), progress=display)
        Builder(network, linked, display).build(linked.goal.clock, folder)
