"""From the command line's options to a board."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from gen.common.build_folder import DEFAULT, BuildFolder
from gen.common.errors import FirebrickError
from gen.common.manifest import UartLink
from gen.common.progress import progress_line
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import load_network
from host.driver import Driver
from host.replay import RecordingTransport, ReplayTransport
from host.serial_transport import SerialTransport
from host.sim_transport import CYCLES_PER_SECOND, SimTransport
from host.transport import FramedLink, Link, Transport
from host.udp_link import UdpLink
from protocol.packets import UDP_PORT


@dataclass(frozen=True)
class BoardOptions:
    """Which board, and how to talk to it, as every command takes it.

    Exactly one of ``sim``, ``port``, ``udp`` and ``replay`` is given.
    """

    sim: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Simulate the board that `python -m gen` wrote there."),
    ] = None
    port: Annotated[
        str | None, typer.Option(metavar="PORT", help="Serial port of a board, say /dev/ttyUSB1.")
    ] = None
    baud: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Bits a second on that port; the board's if not given."
        ),
    ] = None
    udp: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS[:PORT]", help="Address of a board on the network, say 192.168.1.50."
        ),
    ] = None
    replay: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Play a recorded session again, no board.")
    ] = None
    build: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder the board's bitstream was generated in.")
    ] = DEFAULT
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Record what goes over the link.")
    ] = None
    timeout: Annotated[
        float, typer.Option(metavar="S", min=0.1, help="Seconds without progress to put up with.")
    ] = 5.0

    def __post_init__(self) -> None:
        choices = (self.sim, self.port, self.udp, self.replay)
        if sum(choice is not None for choice in choices) != 1:
            raise FirebrickError(
                "give either --sim BUILD_DIR or --port PORT or --udp ADDRESS or --replay FILE, "
                "to say which board"
            )
        if self.record is not None and not self.record.absolute().parent.is_dir():
            raise FirebrickError(f"{self.record}: cannot record there, no such folder")

    def has_network(self) -> bool:
        """Whether there is a network file."""
        return self._folder.network.is_file()

    @property
    def _folder(self) -> BuildFolder:
        return BuildFolder(self.sim or self.build)

    def network(self) -> QuantizedNetwork:
        """The network that the board should hold."""
        folder = self._folder
        folder.require(folder.network)
        return load_network(folder.network)


def for_a_board(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes ``options`` the options of :class:`BoardOptions` in its place."""
    own = inspect.signature(command, eval_str=True).parameters.values()
    shared = inspect.signature(BoardOptions, eval_str=True).parameters.values()

    @wraps(command)
    def run(**values: Any) -> None:
        options = BoardOptions(**{one.name: values.pop(one.name) for one in shared})
        command(options=options, **values)

    parameters = [one for one in own if one.name != "options"] + list(shared)
    keyword = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    run.__signature__ = inspect.Signature(keyword)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def open_board(options: BoardOptions, network: QuantizedNetwork | None) -> Driver:
    """Open the link and meet the board.

    Raises
    ------
    FirebrickError
        If there is none, or it is not the right one.
    """
    link = link_opener(options)()
    if options.record is not None:
        transport = link if isinstance(link, Transport) else FramedLink(link)
        link = RecordingTransport(transport, options.record)
    return Driver(link, network, timeout=options.timeout)


def time_scale(options: BoardOptions, board: Driver) -> float:
    """Seconds of the hardware to a second of the board's clock: a simulated one counts cycles."""
    return 1.0 if options.sim is None else CYCLES_PER_SECOND / board.info().clock_hz


def link_opener(options: BoardOptions) -> Callable[[], Transport | Link]:
    """What opens the link, as often as it is called; all that it needs is looked up now.

    Raises
    ------
    FirebrickError
        If the address is none, or the port's speed is not known.
    """
    if options.replay is not None:
        return partial(ReplayTransport, options.replay)
    if options.port is not None:
        baud = options.baud or _baud(BuildFolder(options.build))
        return partial(SerialTransport, options.port, baud)
    if options.udp is not None:
        return partial(UdpLink, *_address(options.udp))
    assert options.sim is not None
    return partial(_simulation, BuildFolder(options.sim))


def _simulation(folder: BuildFolder) -> SimTransport:
    """The simulated board, compiled before."""
    with progress_line("Verilator") as progress:
        return SimTransport(folder, progress=progress)


def _address(text: str) -> tuple[str, int]:
    """Host and port."""
    host, colon, port = text.partition(":")
    if not host or (colon and not (port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16)):
        raise FirebrickError(
            f"--udp takes an address like 192.168.1.50 or 192.168.1.50:{UDP_PORT}, not {text!r}"
        )
    return host, int(port) if colon else UDP_PORT


def _baud(folder: BuildFolder) -> int:
    """The speed that the board in the build folder was generated with."""
    try:
        link = folder.manifest().link
    except FirebrickError as error:
        raise FirebrickError(f"{error}, or give --baud") from None
    if not isinstance(link, UartLink):
        raise FirebrickError(
            f"{folder}: its board is on Ethernet; reach it with --udp {link.ip}, or give --baud"
        )
    return link.baud
