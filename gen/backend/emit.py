"""Write everything that a board's bitstream is built from, and what simulation and host read."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from boards.board import TOP, Board
from boards.ethernet import EthernetBoard
from boards.serial import SerialBoard
from boards.top import BoardTop
from gen.backend.assemble import Accelerator
from gen.backend.ethernet_core import core_verilog
from gen.backend.report import text_report
from gen.backend.rtlil import MODULE, split_top, write_rtlil
from gen.common.build_folder import BuildFolder
from gen.common.collection import no_collection
from gen.common.manifest import EthernetLink, Manifest, UartLink
from gen.common.progress import SILENT, Progress
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import save_network
from gen.nodes.contents import contents_layout
from gen.nodes.graph import Graph
from gen.plan.latency import latency
from gen.plan.link import check_clock, packet_format
from gen.plan.plan import Plan
from gen.plan.rates import Rates
from hw.link.contents import ContentsConfig
from hw.link.shell import FrameServer, Shell, ShellModule

VERSION = "0.1.0"
BOARD = f"{TOP}.board"
"""In ``top.il``: the board without clock, pads and Ethernet core."""
SIM_TOP = "simtop"
"""The module in ``sim_top.v``: the board's shell on a byte stream."""


def shell_path(board: Board) -> str:
    """Where the shell is in ``top.il``."""
    return f"{BOARD}.shell" if board.station is not None else f"{BOARD}.server.shell"


def emit(
    network: QuantizedNetwork,
    plan: Plan,
    board: Board,
    folder: BuildFolder,
    *,
    key: bytes | None = None,
    progress: Progress = SILENT,
) -> None:
    """Write the board's folder; one that we wrote before is replaced.

    Parameters
    ----------
    network : QuantizedNetwork
    plan : Plan
        Made for that network and board.
    board : Board
    folder : BuildFolder
    key : bytes, optional
        Of whoever may replace contents; for keyed boards. The netlist holds it.
    progress : Progress
        Told the phases.

    Raises
    ------
    FirebrickError
        If the folder holds something else or cannot be written, or the clock cannot be made.
    """
    check_clock(board, plan.clock_hz)
    with folder.replaced() as work, no_collection():
        _write_files(network, plan, board, work, progress, key)


def _write_files(
    network: QuantizedNetwork,
    plan: Plan,
    board: Board,
    folder: BuildFolder,
    progress: Progress,
    key: bytes | None,
) -> None:
    progress.begin("elaborate")
    layout = contents_layout(network, plan.nodes) if network.updatable else None
    contents = None
    if layout is not None:
        checks = [image.check for image in layout.images(network.convs)]
        contents = ContentsConfig(checks, key)
    structure = network.structure if layout is None else layout.digest
    top = BoardTop(_link(network, plan, board, contents, structure), plan.clock_hz)
    platform = board.platform()
    if board.station is not None:
        platform.add_file(folder.ethernet_core.name, core_verilog(board, plan.clock_hz))
    files = platform.prepare(top, TOP).files
    progress.begin("write RTLIL, constraints, scripts")
    for name, content in files.items():
        (folder.path / name).write_text(content)
    save_network(network, folder.network)
    folder.plan.write_text(plan.to_json())
    if layout is not None:
        folder.contents.write_text(layout.to_json())
    folder.report.write_text(text_report(network, plan, board))
    progress.begin("translate to Verilog")
    with tempfile.TemporaryDirectory(prefix="firebrick-") as work:
        server = Path(work) / "server.il"
        write_rtlil(FrameServer(ShellModule(MODULE)), server, SIM_TOP)
        split_top(folder.design, shell_path(board), server, SIM_TOP, folder.sim_verilog.stem)
    manifest = _manifest(network, plan, board, folder.names())
    folder.manifest_path.write_text(manifest.to_json())


def _link(
    network: QuantizedNetwork,
    plan: Plan,
    board: Board,
    contents: ContentsConfig | None,
    structure: bytes,
) -> SerialBoard | EthernetBoard:
    """The board's link, with all that is behind it."""
    info = replace(
        packet_format(network, board),
        clock_hz=plan.clock_hz,
        digest=network.digest,
        structure=structure,
    )
    accelerator = Accelerator(network, plan)
    shell = Shell(info, accelerator, plan.sums_memory, contents=contents)
    if board.station is None:
        return SerialBoard(FrameServer(shell), plan.clock_hz, board.baud)
    assert board.phy is not None
    return EthernetBoard(shell, info, board.phy, plan.clock_hz)


def _manifest(
    network: QuantizedNetwork, plan: Plan, board: Board, files: tuple[str, ...]
) -> Manifest:
    station = board.station
    link: UartLink | EthernetLink = UartLink(board.baud)
    if station is not None:
        link = EthernetLink(station.address, station.mac, station.port)
    rates = Rates.of(network, board, plan.clock_hz).named(coded=board.coded)
    answer = latency(network, board, plan, Graph.of(network))
    return Manifest(
        version=VERSION,
        network=network.name,
        digest=network.digest,
        board=board.name,
        part=board.part,
        loader=board.loader,
        idcode=board.idcode,
        clock_hz=plan.clock_hz,
        link=link,
        files=files,
        coded=board.coded,
        frames_per_second=round(plan.frames_per_second, 2),
        answer={name: round(seconds, 9) for name, seconds in answer.parts.items()},
        carries={name: round(rate, 2) for name, rate in rates.items()},
        model=network.source.get("model", ""),
        keyed=board.keyed,
    )
