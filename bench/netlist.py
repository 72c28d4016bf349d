"""What Yosys makes of the default: its netlist, with the vendor's cells, frame for frame."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.designs import emitted
from boards import BOARDS
from boards.board import Board
from gen.backend.emit import SIM_TOP, shell_path
from gen.backend.netlist import CELL_MODELS, simulated_netlist
from gen.backend.rtlil import MODULE, enclose, write_rtlil
from gen.common.build_folder import BuildFolder
from gen.formats.default import default_network
from gen.ir.network import QuantizedNetwork
from hw.link.shell import FrameServer, ShellModule
from sim import golden
from sim.frames import simulate
from sim.simulator import Simulator
from sim.verilate import build

_BOARD = "arty_a7"


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Simulate the default's netlist and compare its class sums with the golden model's.

    Parameters
    ----------
    console : Console
    shared
        Not used: frames of random pixels reach all of the network.
    limit : int or None
        Frames; one if not given.
    """
    board, network = BOARDS[_BOARD], default_network()
    with emitted(board) as (_, folder), console.status(f"netlist for {board.name}"):
        figures = frames_of_netlist(board, network, folder, limit or 1)
    table = Table("", board.name)
    for title, value in figures.items():
        table.add_row(title.replace("_", " "), f"{value:,}")
    console.print(table)
    return {board.name: figures}


def frames_of_netlist(
    board: Board, network: QuantizedNetwork, folder: BuildFolder, count: int
) -> dict[str, int]:
    """Synthesise the shell and all that is in it, and send frames through the netlist.

    Parameters
    ----------
    board : Board
        Of the 7-series.
    network : QuantizedNetwork
    folder : BuildFolder
        Emitted for both.
    count : int
        Frames of random pixels.
    """
    shape = (count, *network.input.shape)
    frames = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    with tempfile.TemporaryDirectory(prefix="firebrick-netlist-") as scratch:
        work = Path(scratch)
        server, verilog = work / "server.il", work / "netlist.v"
        write_rtlil(FrameServer(ShellModule(MODULE)), server, SIM_TOP)
        cells = (f"read_verilog -lib {CELL_MODELS}",)
        enclosed = enclose(shell_path(board), server, SIM_TOP, cells)
        read = [f'read_rtlil "{folder.design}"', *enclosed]
        simulated_netlist(read, SIM_TOP, verilog)
        with Simulator(build(verilog, work / "simulation", cells=True)) as simulator:
            result = simulate(simulator, network, frames)
    wrong = (result.sums != golden.class_sums(network, frames)).any(axis=1)
    return {
        "frames": count,
        "frames_unlike_golden": int(wrong.sum()),
        "cycles_of_the_first_frame": result.latency,
    }
