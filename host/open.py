"""From the command line's options to a board."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from gen.display import progress_line
from gen.errors import FirebrickError
from gen.network import QuantizedNetwork
from host.driver import Accelerator
from host.replay import RecordingTransport, ReplayTransport
from host.serial_transport import SerialTransport
from host.sim_transport import SimTransport
from host.transport import Transport


@dataclass(frozen=True)
class BoardOptions:
    """Which board, and how to talk to it; exactly one of ``sim``, ``port``, ``replay``."""

    sim: Path | None
    port: str | None
    baud: int | None
    replay: Path | None
    build: Path
    record: Path | None
    timeout: float

    def __post_init__(self) -> None:
        if sum(choice is not None for choice in (self.sim, self.port, self.replay)) != 1:
            raise FirebrickError(
                "give either --sim BUILD_DIR or --port PORT or --replay FILE, to say which board"
            )
        if self.record is not None and not self.record.absolute().parent.is_dir():
            raise FirebrickError(f"{self.record}: cannot record there, no such folder")

    def network(self) -> QuantizedNetwork:
        """The network that the board should hold."""
        folder = self.sim or self.build
        if not (folder / "network.npz").is_file():
            raise FirebrickError(
                f"{folder}: holds no network.npz; "
                "run `python -m gen` first, or point --build or --sim at what it wrote"
            )
        return QuantizedNetwork.load(folder / "network.npz")


def open_board(options: BoardOptions, network: QuantizedNetwork | None) -> Accelerator:
    """Open the link and meet the board.

    Raises
    ------
    FirebrickError
        If there is none, or it is not the right one.
    """
    transport = _transport(options)
    if options.record is not None:
        transport = RecordingTransport(transport, options.record)
    return Accelerator(transport, network, timeout=options.timeout)


def _transport(options: BoardOptions) -> Transport:
    if options.replay is not None:
        return ReplayTransport(options.replay)
    if options.port is not None:
        return SerialTransport(options.port, options.baud or _baud(options.build))
    assert options.sim is not None
    with progress_line("Verilator") as tell:
        return SimTransport(options.sim, progress=tell)


def _baud(folder: Path) -> int:
    """The speed that the board in the build folder was generated with."""
    path = folder / "manifest.json"
    try:
        baud = json.loads(path.read_text())["baud"]
        if type(baud) is not int or baud < 1:
            raise ValueError(f"it is {baud!r}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FirebrickError(
            f"{path}: does not tell the baud rate ({error}); give --baud"
        ) from None
    return int(baud)
