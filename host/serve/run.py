"""What ``python -m host serve`` does."""

from __future__ import annotations

import logging
from functools import partial

from rich.console import Console

from boards import BOARDS
from gen.common.build_folder import BuildFolder
from gen.frames.pixel_options import FrameOptions
from gen.report.figures import Figures
from gen.report.stored import load_figures
from host.open import open_board, time_scale
from host.options import ServedOptions
from host.serve.board import SharedBoard
from host.serve.limits import Limits
from host.serve.listen import Access, Address
from host.serve.server import Server
from host.serve.service import Served


def run(
    options: ServedOptions, shape: FrameOptions, address: Address, access: Access, limits: Limits
) -> None:
    """Serve a board until Ctrl-C, after building it if it is the default.

    Parameters
    ----------
    options : ServedOptions
    shape : FrameOptions
    address : Address
    access : Access
    limits : Limits

    Raises
    ------
    FirebrickError
        If the address is taken, or there is no board to begin with.
    """
    with address.bind() as listening:
        if options.default:
            from host.serve.default import build_default  # all that generates hardware

            build_default()
        served = _served(options, shape)
        meet = partial(open_board, options, served.network)
        board = SharedBoard(meet, partial(time_scale, options), limits)
        server = Server(served, board, access, limits)
        _tell(served, address.url(listening.getsockname()[1]), access)
        server.run(listening)


def _tell(served: Served, url: str, access: Access) -> None:
    """Say where it is."""
    logging.basicConfig(format="%(message)s")
    where = url if access.token is None else f"{url}#token={access.token}"
    console = Console()
    console.print(f"{served.network.name} on {served.board_name}, {served.link}", soft_wrap=True)
    console.print(f"  {where}  # Ctrl-C ends it", markup=False, soft_wrap=True)


def _served(options: ServedOptions, shape: FrameOptions) -> Served:
    """Network and plan of the build folder."""
    network = options.network()
    preprocessing = shape.apply(network.preprocessing)
    figures = None if options.pynq is not None else _figures(options.folder)
    name = "a board" if figures is None else BOARDS[figures.board.name].title
    simulated = options.sim is not None
    return Served(network, preprocessing, name, options.link, simulated, figures)


def _figures(folder: BuildFolder) -> Figures | None:
    """Of the plan, if there is one beside the network."""
    return load_figures(folder) if folder.plan.is_file() else None
