"""``python -m host``: classify photographs on a board, real or simulated."""

from __future__ import annotations

import json as json_format
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gen.answers import Answer, answers_json, answers_table
from gen.console import run_app
from gen.display import progress_line
from gen.errors import FirebrickError
from gen.images import load_frame
from gen.network import QuantizedNetwork
from host.driver import Accelerator
from host.serial_transport import SerialTransport
from host.sim_transport import SimTransport
from host.transport import Transport

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

_DEFAULT_BUILD = Path("build/arty_a7")


@app.command()
def classify(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Photographs, in any usual format.")
    ],
    sim: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Simulate the board that `python -m gen` wrote there."),
    ] = None,
    port: Annotated[
        str | None, typer.Option(metavar="PORT", help="Serial port of a board, say /dev/ttyUSB1.")
    ] = None,
    baud: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Bits a second on that port; the board's if not given."
        ),
    ] = None,
    build: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder the board's bitstream was generated in.")
    ] = _DEFAULT_BUILD,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Classify photographs on a board.

    Frames are sent ahead while the board works. The network file in the build folder says how a
    photograph becomes a frame and what the classes are called; the board must hold that network.

    Examples:

    - A simulated board: `python -m host --sim build/arty_a7 cat.jpg dog.jpg`

    - A real one: `python -m host --port /dev/ttyUSB1 cat.jpg`

    - For programs: `python -m host --sim build/arty_a7 --json cat.jpg`
    """
    if (sim is None) == (port is None):
        raise FirebrickError("give either --sim BUILD_DIR or --port PORT, to say which board")
    network = _network(sim or build)
    frames = [load_frame(path, network.preprocessing) for path in images]
    with Accelerator(_open(sim, port, baud, build), network) as board:
        start = time.monotonic()
        with progress_line("classifying") as tell:
            answers = []
            for path, result in zip(images, board.stream(frames), strict=True):
                answers.append(Answer(str(path), result.sums, result.cycles))
                tell("frames", len(answers), len(frames))
        seconds = time.monotonic() - start
        clock = board.info().clock_hz
    if json:
        entry = {"frames": answers_json(network, answers), "clock_hz": clock, "seconds": seconds}
        print(json_format.dumps(entry, indent=2))
        return
    console = Console()
    console.print(answers_table(network, answers))
    slowest = max(answer.cycles for answer in answers)
    console.print(
        f"{len(answers)} frame{'s' * (len(answers) != 1)} in {seconds:.2f} s; at most {slowest} "
        f"clock cycles from first pixel to last class sum, "
        f"{1e3 * slowest / clock:.3f} ms at {clock / 1e6:g} MHz",
        soft_wrap=True,
    )


def _network(folder: Path) -> QuantizedNetwork:
    if not (folder / "network.npz").is_file():
        raise FirebrickError(
            f"{folder}: holds no network.npz; "
            "run `python -m gen` first, or point --build or --sim at what it wrote"
        )
    return QuantizedNetwork.load(folder / "network.npz")


def _baud(folder: Path) -> int:
    """The speed that the board in the build folder was generated with."""
    path = folder / "manifest.json"
    try:
        baud = json_format.loads(path.read_text())["baud"]
        if type(baud) is not int or baud < 1:
            raise ValueError(f"it is {baud!r}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FirebrickError(
            f"{path}: does not tell the baud rate ({error}); give --baud"
        ) from None
    return int(baud)


def _open(sim: Path | None, port: str | None, baud: int | None, build: Path) -> Transport:
    if sim is None:
        assert port is not None
        return SerialTransport(port, baud or _baud(build))
    with progress_line("Verilator") as tell:
        return SimTransport(sim, progress=tell)


if __name__ == "__main__":
    run_app(app)
