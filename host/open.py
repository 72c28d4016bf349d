"""From the command line's options to a board."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.common.manifest import EthernetLink, UartLink
from gen.common.progress import progress_line
from gen.ir.network import QuantizedNetwork
from host.coding import Coding
from host.discovery import the_only
from host.driver import Driver, FrameDriver
from host.new_contents import NewContents
from host.options import BoardOptions, LinkOptions, OverlayOptions, split_address
from host.overlay_update import OverlayUpdater
from host.pynq_overlay import PynqOverlay
from host.replay import RecordingTransport, ReplayTransport
from host.serial_transport import SerialTransport
from host.sim_transport import CYCLES_PER_SECOND, SimTransport
from host.transport import FramedLink, Link, Transport
from host.udp_link import UdpLink
from host.update import Updater


def open_board(
    options: BoardOptions, network: QuantizedNetwork | None, *, lossy: bool = False
) -> FrameDriver:
    """Open the link or load the overlay, and meet the board.

    Parameters
    ----------
    options : BoardOptions
    network : QuantizedNetwork or None
        What the board should hold; any if None.
    lossy : bool
        Whether frames may lose something, unless ``options`` say how they travel, where the link
        would not keep up with the accelerator else.

    Raises
    ------
    FirebrickError
        If there is none, it is not the right one, takes no frames that are coded as asked, or none
        at all amid an update.
    """
    if options.pynq is not None:
        return _overlay(options.pynq, options, network)
    coding = None if options.coding is None else Coding.parse(options.coding)
    if coding is None and lossy:
        coding = _usual_coding(options)
    return Driver(open_link(options), network, timeout=options.timeout, coding=coding)


def open_updater(
    options: OverlayOptions, contents: NewContents, key: bytes | None
) -> Updater | OverlayUpdater:
    """Open the link or load the overlay, for an update.

    Parameters
    ----------
    options : OverlayOptions
    contents : NewContents
    key : bytes or None
        Of board or core.

    Raises
    ------
    FirebrickError
        As :func:`open_board` does.
    """
    if options.pynq is not None:
        return OverlayUpdater(_overlay(options.pynq, options), contents, key)
    return Updater(open_link(options), contents, key, timeout=options.timeout)


def _overlay(
    bitfile: Path, options: OverlayOptions, network: QuantizedNetwork | None = None
) -> PynqOverlay:
    return PynqOverlay(bitfile, network, timeout=options.timeout, reload=options.reload)


def open_link(options: LinkOptions) -> Transport | Link:
    """Open the link, and record what goes over it if that is asked for.

    Raises
    ------
    FirebrickError
        If it cannot be opened, or the recording not be written.
    """
    options.check_record()
    link = link_opener(options)()
    if options.record is None:
        return link
    transport = link if isinstance(link, Transport) else FramedLink(link)
    return RecordingTransport(transport, options.record)


def _usual_coding(options: BoardOptions) -> Coding | None:
    """What the link of a real board needs; None if the folder does not tell."""
    kind = {options.port: UartLink, options.udp: EthernetLink}
    wanted = next((kind[option] for option in kind if option is not None), None)
    if wanted is None:
        return None
    manifest = options.manifest()
    if manifest is None or not isinstance(manifest.link, wanted):
        return None
    return Coding.usual(manifest.carries, manifest.frames_per_second)


def time_scale(options: BoardOptions, board: FrameDriver) -> float:
    """Seconds of the hardware to a second of the board's clock: a simulated one counts cycles."""
    return 1.0 if options.sim is None else CYCLES_PER_SECOND / board.info().clock_hz


def link_opener(options: LinkOptions) -> Callable[[], Transport | Link]:
    """What opens the link, as often as it is called; all that it needs is looked up now.

    Raises
    ------
    FirebrickError
        If the address is none, or neither told nor found, or the port's speed is not known.
    """
    if options.replay is not None:
        return partial(ReplayTransport, options.replay)
    if options.port is not None:
        baud = options.baud or _baud(options.folder)
        return partial(SerialTransport, options.port, baud)
    if (port := options.looked_for) is not None:
        found = the_only(port, options.timeout)
        return partial(UdpLink, str(found.address), found.port)
    if options.udp is not None:
        return partial(UdpLink, *split_address(options.udp))
    assert options.sim is not None
    return partial(_simulation, BuildFolder(options.sim))


def _simulation(folder: BuildFolder) -> SimTransport:
    """The simulated board, compiled before."""
    with progress_line("Verilator") as progress:
        return SimTransport(folder, progress=progress)


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
