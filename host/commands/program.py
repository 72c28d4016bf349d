"""``python -m host program``: a bitstream into a board."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gen.common.build_folder import DEFAULT, BuildFolder
from gen.common.errors import FirebrickError
from gen.common.manifest import EthernetLink, Manifest
from gen.common.progress import progress_line
from host.commands.info import about_table
from host.commands.output import Json, print_line
from host.driver import Driver
from host.loader import TOOL, Loader, find_loader
from host.open import link_opener
from host.options import LinkOptions
from host.serial_transport import known_ports
from host.transport import Link, Transport

_TRY = 1.0
"""Seconds for a board to answer, each time that it is asked."""
_PAUSE = 0.2
"""Seconds between two tries, where the first fails at once."""
_SCRIPTS = ("build_vivado.tcl", "build_open.sh")

Build = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder that the bitstream was built in.")
]
Flash = Annotated[
    bool,
    typer.Option("--flash", help="Into flash, to stay; else the FPGA forgets it with power."),
]
Port = Annotated[
    str | None,
    typer.Option(metavar="PORT", help="Serial port on which to meet the board afterwards."),
]
Udp = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS[:PORT]",
        help="Address to meet it at; if not given, that of a build with Ethernet.",
    ),
]
Wait = Annotated[
    float, typer.Option(metavar="S", min=0.0, help="Seconds to wait for its link to come up.")
]
Cable = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Cable, as `openFPGALoader --list-cables` has it, where it is not the board's "
        "own; ft4232 for an ECPIX-5 of revision 3.",
    ),
]
UsbSerial = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Serial number of the cable, where there are several."),
]


def program(
    build: Build = DEFAULT,
    *,
    flash: Flash = False,
    port: Port = None,
    udp: Udp = None,
    wait: Wait = 15.0,
    cable: Cable = None,
    usb_serial: UsbSerial = None,
    json: Json = False,
) -> None:
    """Load a board's bitstream by openFPGALoader, and meet the board.

    The FPGA on the cable is looked at first: it must be the one that the build is for. Then the
    board is asked over its link until it answers, and must hold this build's network.

    Examples:

    - `python -m host program build/arty_a7 --port /dev/ttyUSB1`

    - To stay after power-off: `python -m host program build/arty_a7 --flash`
    """
    folder = BuildFolder(build)
    manifest = folder.manifest()
    _check_bitstream(folder)
    if not udp and port is None and isinstance(manifest.link, EthernetLink):
        udp = f"{manifest.link.ip}:{manifest.link.udp_port}"
    met = port is not None or udp is not None
    # What is wrong with these is told before anything is loaded.
    opener = _opener(LinkOptions(port=port, udp=udp, build=build)) if met else None
    _load(find_loader(manifest, cable, usb_serial), folder, flash=flash)
    console = Console(stderr=json)
    where = "flash, and started" if flash else "the FPGA"
    console.print(f"{folder.bitstream} is in {where}.", soft_wrap=True)
    entry = {"bitstream": str(folder.bitstream), "flash": flash}
    if opener is not None:
        entry |= _introduce(opener, manifest, wait, console)
    if json:
        print_line(entry)
    else:
        _print_next(console, build, port, udp)


def _opener(options: LinkOptions) -> Callable[[], Transport | Link]:
    """What opens the link to a board that is not there yet, so that its address must be known."""
    if options.looked_for is not None:
        raise FirebrickError(
            "--udp takes an address here, like 192.168.1.50: a board that is not loaded yet "
            "answers no broadcast"
        )
    return link_opener(options)


def _load(loader: Loader, folder: BuildFolder, *, flash: bool) -> None:
    """Load the bitstream, if the right FPGA is there."""
    with progress_line(TOOL) as progress:
        progress.begin("look for the FPGA")
        loader.check_part()
        loader.load(folder.bitstream, flash=flash, progress=progress)


def _introduce(
    opener: Callable[[], Transport | Link], manifest: Manifest, wait: float, console: Console
) -> dict[str, Any]:
    """Meet the board and print what it is; returns the same for programs."""
    with _meet(opener, manifest, wait) as board:
        about, statistics = board.info(), board.stats()
    console.print(about_table(about, statistics))
    console.print("It answers, and holds this build's network.")
    return about.entry


def _print_next(console: Console, build: Path, port: str | None, udp: str | None) -> None:
    """Print what to do next."""
    if port is None and udp is None:
        way, purpose = "--port PORT", f"No --port was given to meet it; {known_ports()}. Verify it:"
    else:
        way = f"--port {port}" if port is not None else f"--udp {udp}"
        purpose = "Verify that it computes what it should:"
    command = f"python -m host verify {way} --build {shlex.quote(str(build))}"
    console.print(purpose, f"  {command}", sep="\n", soft_wrap=True)


def _check_bitstream(folder: BuildFolder) -> None:
    """Refuse to go on without a bitstream, and warn of an old one."""
    bitstream = folder.bitstream
    if not bitstream.is_file():
        scripts = " or ".join(name for name in _SCRIPTS if (folder.path / name).is_file())
        by_script = f", or run {scripts} in that folder" if scripts else ""
        raise FirebrickError(
            f"{bitstream}: not built yet; add --bitstream to the `python -m gen` that wrote the "
            f"folder{by_script}"
        )
    if folder.design.is_file() and bitstream.stat().st_mtime < folder.design.stat().st_mtime:
        Console(stderr=True).print(
            f"{bitstream} is older than {folder.design.name}: generated again since, it should be "
            "built again",
            style="yellow",
            soft_wrap=True,
        )


def _meet(opener: Callable[[], Transport | Link], manifest: Manifest, wait: float) -> Driver:
    """Ask the board until it answers, for its link takes a while to come up.

    Raises
    ------
    FirebrickError
        If it does not, or holds another network.
    """
    end = time.monotonic() + wait
    while True:
        try:
            board = Driver(opener(), None, timeout=_TRY)
            break
        except FirebrickError as error:
            if time.monotonic() >= end:
                raise FirebrickError(f"the bitstream is loaded, but {error}") from None
            time.sleep(_PAUSE)
    info = board.info()
    if info.digest != manifest.digest:
        board.close()
        updated = ", or updated, and not configured again since" if info.memories else ""
        raise FirebrickError(
            f"the board that answers holds network {info.digest.hex()}, this build is of "
            f"{manifest.digest.hex()}; is it another board's link{updated}, or was the bitstream "
            "built before the folder was generated?"
        )
    return board
