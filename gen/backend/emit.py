"""Write everything that a board's bitstream is built from, and what simulation and host read.

The folder appears complete or not at all: it is written beside its final place and then moved. What
others have put into a folder that is written again, bitstreams for one, stays in it.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from boards.board import TOP, Board
from boards.ethernet import EthernetBoard
from boards.serial import SerialBoard
from boards.top import BoardTop
from gen.backend.assemble import Accelerator
from gen.backend.ethernet_core import CORE_FILE, core_verilog
from gen.backend.report import text_report
from gen.backend.rtlil import MODULE, split_top, write_rtlil
from gen.backend.synth import RESULT
from gen.common.errors import FirebrickError
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import save_network
from gen.plan.link import check_clock, packet_format
from gen.plan.plan import Plan
from hw.link.shell import FrameServer, Shell, ShellModule

VERSION = "0.1.0"
MANIFEST = "manifest.json"
SIMULATION = "sim"
"""Where simulations of the board are compiled, by :mod:`sim.verilate`; what is out of date there is
compiled again."""
BOARD = f"{TOP}.board"
"""In ``top.il``: the board without clock, pads and network core."""
SIM_TOP = "simtop"
"""The module in ``sim_top.v``: the board's shell on a byte stream."""


def shell_path(board: Board) -> str:
    """Where the shell is in ``top.il``."""
    return f"{BOARD}.shell" if board.station is not None else f"{BOARD}.server.shell"


Phase = Callable[[str], None]
"""Told the name of each phase as it begins."""


def check_output(folder: Path) -> None:
    """Check that ``folder`` can and may be written: absent, empty, or written by us before.

    Raises
    ------
    FirebrickError
        If it is something else.
    """
    remedy = "choose another folder with --out"
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise FirebrickError(f"{folder}: exists and is no folder; {remedy}")
    if folder.is_dir() and any(folder.iterdir()) and not _is_ours(folder):
        raise FirebrickError(
            f"{folder}: is not empty and was not written by `python -m gen`; {remedy}"
        )
    if folder.resolve() in (Path.cwd(), *Path.cwd().parents):
        raise FirebrickError(f"{folder}: is the folder you are in, or around it; {remedy}")
    parent = next(path for path in folder.absolute().parents if path.exists())
    if not parent.is_dir():
        raise FirebrickError(f"{folder}: cannot be written, {parent} is no folder; {remedy}")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise FirebrickError(f"{folder}: cannot be written, no permission in {parent}; {remedy}")


def _is_ours(folder: Path) -> bool:
    return _read_manifest(folder).get("generator") == "firebrick"


def _read_manifest(folder: Path) -> dict[str, object]:
    """What the folder says of itself; nothing if it has no manifest that can be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def foreign_files(folder: Path) -> list[str]:
    """Names in a folder that we wrote of what others have put there since, in order."""
    if not folder.is_dir():
        return []
    ours = _read_manifest(folder).get("files")
    written = {MANIFEST, SIMULATION, RESULT, *(map(str, ours) if isinstance(ours, list) else ())}
    return sorted(path.name for path in folder.iterdir() if path.name not in written)


def emit(
    network: QuantizedNetwork,
    plan: Plan,
    board: Board,
    folder: str | Path,
    phase: Phase = lambda name: None,
) -> None:
    """Write the board's folder; one that we wrote before is replaced.

    Parameters
    ----------
    network : QuantizedNetwork
    plan : Plan
        Made for that network and board.
    board : Board
    folder : path
    phase : callable
        See :data:`Phase`.

    Raises
    ------
    FirebrickError
        If the folder holds something else or cannot be written, or the clock cannot be made.
    """
    folder = Path(folder)
    check_output(folder)
    check_clock(board, plan.clock_hz)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    except OSError as error:
        raise FirebrickError(
            f"{folder}: cannot be written ({error.strerror}); choose another folder with --out"
        ) from None
    try:
        with _no_collection():
            _write_files(network, plan, board, work, phase)
        work.chmod(0o755)
        _move_in_place(work, folder)
    except OSError as error:
        raise FirebrickError(
            f"{folder}: cannot be written ({error.strerror}); make room or choose another --out"
        ) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write_files(
    network: QuantizedNetwork, plan: Plan, board: Board, folder: Path, phase: Phase
) -> None:
    phase("elaborate")
    top = BoardTop(_link(network, plan, board), plan.clock_hz)
    platform = board.platform()
    if board.station is not None:
        platform.add_file(CORE_FILE, core_verilog(board, plan.clock_hz))
    files = platform.prepare(top, TOP).files
    phase("write RTLIL, constraints, scripts")
    for name, content in files.items():
        (folder / name).write_text(content)
    save_network(network, folder / "network.npz")
    (folder / "plan.json").write_text(plan.to_json())
    (folder / "report.txt").write_text(text_report(network, plan, board))
    phase("translate to Verilog")
    with tempfile.TemporaryDirectory(prefix="firebrick-") as work:
        server = Path(work) / "server.il"
        write_rtlil(FrameServer(ShellModule(MODULE)), server, SIM_TOP)
        split_top(folder / f"{TOP}.il", shell_path(board), server, SIM_TOP, "sim_top")
    names = sorted(path.name for path in folder.iterdir())
    manifest = {**_manifest(network, plan, board), "files": names}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


@contextmanager
def _no_collection() -> Iterator[None]:
    """Hold the garbage collector back: it walks a netlist's millions of objects in vain."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _link(network: QuantizedNetwork, plan: Plan, board: Board) -> SerialBoard | EthernetBoard:
    """The board's link, with all that is behind it."""
    info = replace(packet_format(network, board), clock_hz=plan.clock_hz, digest=network.digest)
    shell = Shell(info, Accelerator(network, plan))
    if board.station is None:
        return SerialBoard(FrameServer(shell), plan.clock_hz, board.baud)
    assert board.phy is not None
    return EthernetBoard(shell, info, board.phy, plan.clock_hz)


def _manifest(network: QuantizedNetwork, plan: Plan, board: Board) -> dict[str, object]:
    station = board.station
    link: dict[str, object] = {"link": "uart", "baud": board.baud}
    if station is not None:
        address = {"ip": str(station.address), "mac": station.mac, "udp_port": station.port}
        link = {"link": "ethernet", **address}
    return {
        "generator": "firebrick",
        "version": VERSION,
        "network": network.name,
        "digest": network.digest.hex(),
        "board": board.name,
        "part": board.part,
        "clock_hz": plan.clock_hz,
        **link,
    }


def _move_in_place(work: Path, folder: Path) -> None:
    """Rename ``work`` to ``folder``, with what others have put there, or leave all as it was."""
    if not folder.exists():
        os.rename(work, folder)
        return
    kept = [name for name in foreign_files(folder) if not (work / name).exists()]
    if (folder / SIMULATION).exists():
        kept.append(SIMULATION)
    aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.old."))
    old = aside / folder.name
    try:
        os.rename(folder, old)
        for name in kept:
            os.rename(old / name, work / name)
        os.rename(work, folder)
    finally:
        if old.exists() and not folder.exists():
            for name in kept:
                if (work / name).exists():
                    os.rename(work / name, old / name)
            os.rename(old, folder)
        shutil.rmtree(aside, ignore_errors=True)
