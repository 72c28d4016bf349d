"""Ethernet as a board's link: its place on the network, and the Ethernet core's Verilog."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from boards.board import Board
from boards.ethernet import CORE
from gen.common.errors import FirebrickError, require_package
from gen.plan.link import CHUNK, CREDITS, line_bytes
from protocol.packets import CHECK_BYTES, HEADER

PING = 1472
"""Bytes of the longest ping that is answered: all that one Ethernet frame can carry."""
_MORE = 2
"""Datagrams that may come on top of those."""
_BETWEEN = 30
"""Cycles from one datagram to the next in which the shell gets no byte; 27 are simulated."""
_HEADERS = 66
"""Bytes of the line's time that a datagram takes beside its payload, gaps included."""
_SCRIPT = Path(__file__).with_name("liteeth_core.py")


def core_parameters(board: Board, clock_hz: int) -> dict[str, Any]:
    """What :mod:`gen.backend.liteeth_core` is told: integers and strings."""
    assert board.phy is not None
    assert board.station is not None
    phy, station = board.phy, board.station
    return {
        "phy": phy.kind,
        "family": board.family,
        "part": board.part,
        "width": phy.width,
        "clock_hz": clock_hz,
        "address": str(station.address),
        "mac": station.mac,
        "port": station.port,
        "ping_bytes": PING,
        "rx_words": _rx_words(board, clock_hz),
        "rx_delay_taps": phy.rx_delay_taps,
    }


def _rx_words(board: Board, clock_hz: int) -> int:
    """Words between the line and the shell, which takes a byte a cycle; a power of two.

    If the shell is slower than the line, all datagrams for which the host has credit come to wait
    there, sooner or later: each time one is taken, the line brings another one before the next is.
    """
    assert board.phy is not None
    words = 32
    if shell_bits_per_second(clock_hz) < board.phy.bits_per_second:
        words += (CREDITS + _MORE) * (CHUNK + _HEADERS) * 8 // board.phy.width
    return 1 << (words - 1).bit_length()


def shell_bits_per_second(clock_hz: int) -> float:
    """Bits a second of a line that bring datagrams as fast as the shell takes them."""
    line = line_bytes(CHUNK) * 8
    return line * clock_hz / (HEADER.size + CHUNK + CHECK_BYTES + _BETWEEN)


def core_verilog(board: Board, clock_hz: int) -> str:
    """The Ethernet core of a board, as Verilog.

    Raises
    ------
    FirebrickError
        If LiteEth is missing or fails.
    """
    require_package("liteeth", "--link ethernet needs LiteEth")
    parameters = json.dumps(core_parameters(board, clock_hz))
    with tempfile.TemporaryDirectory(prefix="firebrick-") as work:
        path = Path(work) / f"{CORE}.v"
        done = subprocess.run(
            # Its folder is kept off its path, where LiteEth finds its own modules.
            [sys.executable, "-P", str(_SCRIPT), parameters, path.name],
            cwd=work,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not path.is_file():
            lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
            raise FirebrickError(f"LiteEth failed: {lines[-1].strip()}")
        return path.read_text()
