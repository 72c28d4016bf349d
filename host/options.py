"""The command line's options that say which board is meant, and what it holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from gen.common.build_folder import DEFAULT, BuildFolder, FolderKind
from gen.common.errors import FirebrickError
from gen.common.manifest import Manifest
from gen.common.outputs import check_output
from gen.ir.envelope import in_envelope
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import load_network
from host.networks import read_network
from host.new_contents import read_layout
from protocol.coding.rules import RAW
from protocol.packets import UDP_PORT

_WANTED = {
    FolderKind.BOARD: "a board's is wanted; give the folder of the board by --build, or reach the "
    "core by --pynq, with the bitstream that has it",
    FolderKind.CORE: "a core's is wanted; give the folder of the core by --build, or reach the "
    "board by --port or --udp",
}
"""What to do where another kind of folder is needed."""


@dataclass(frozen=True)
class OverlayFolder(BuildFolder):
    """Where an overlay's bitstream is, and with it some files of its core's folder."""

    def require(self, *files: Path) -> None:
        """Check that some of the files are there.

        Raises
        ------
        FirebrickError
            If one is not; it says where to find it.
        """
        for file in files:
            if not file.is_file():
                command = f"python -m gen core{' --updatable' * (file == self.contents)}"
                raise FirebrickError(
                    f"{file}: no such file; copy it from the folder that `{command}` wrote to "
                    "where the overlay is, or name that folder by --build"
                )


@dataclass(frozen=True)
class LinkOptions:
    """Which board, and the link to it, as every command takes it.

    Exactly one of :attr:`ways` is given.
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
            metavar="[ADDRESS][:PORT]",
            help="Address of a board on the network, say 192.168.1.50. Without one, the only "
            "board that answers a broadcast there.",
        ),
    ] = None
    replay: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Play a recorded session again, no board.")
    ] = None
    build: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help=f"Folder the board's bitstream was generated in; {DEFAULT} if not given.",
        ),
    ] = None
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Record what goes over the link.")
    ] = None
    timeout: Annotated[
        float, typer.Option(metavar="S", min=0.1, help="Seconds without progress to put up with.")
    ] = 5.0

    def __post_init__(self) -> None:
        if sum(way is not None for way in self.ways.values()) != 1:
            raise FirebrickError(f"give either {' or '.join(self.ways)}, to say which board")
        if self.sim is not None and self.build is not None and self.sim != self.build:
            raise FirebrickError(
                f"--sim {self.sim} is simulated, and --build {self.build} says what a real board "
                "holds; leave one out"
            )
        self._check_kind()

    def _check_kind(self) -> None:
        """Check that the folder, if it is there, is not of the other kind."""
        folder = self.folder
        if folder.kind not in (None, self._kind):
            wanted = _WANTED[self._kind]
            raise FirebrickError(f"{folder}: is of {folder.kind}, and {wanted}")

    @property
    def _kind(self) -> FolderKind:
        """What the folder must be of."""
        return FolderKind.BOARD

    @property
    def ways(self) -> dict[str, Path | str | None]:
        """What says which board, by how it is written."""
        return {
            "--sim BUILD_DIR": self.sim,
            "--port PORT": self.port,
            "--udp ADDRESS": self.udp,
            "--replay FILE": self.replay,
        }

    @property
    def looked_for(self) -> int | None:
        """The UDP port that boards are looked for at, if no address says which one is meant."""
        if self.udp is None:
            return None
        address, port = split_address(self.udp)
        return None if address else port

    def has_network(self) -> bool:
        """Whether there is a network file."""
        return self.folder.network.is_file()

    @property
    def folder(self) -> BuildFolder:
        """Where the board's network is."""
        return BuildFolder(self.sim or self.build or DEFAULT)

    def check_record(self, reads: Iterable[Path] = ()) -> None:
        """Check that a recording can be written, before anything is sent.

        Parameters
        ----------
        reads : iterable of Path
            Files that are read beside the board's.

        Raises
        ------
        FirebrickError
            If it cannot be, or is one of the files that are read.
        """
        if self.record is not None:
            own = self.folder.own_files() if self.folder.path.is_dir() else []
            check_output(self.record, [self.replay, *own, *reads])

    def manifest(self) -> Manifest | None:
        """What the folder says of the board; None if it says nothing that can be read."""
        try:
            return self.folder.manifest()
        except FirebrickError:
            return None

    def structure(self) -> bytes | None:
        """What an updatable board of the folder calls its structure; None if there is none."""
        return read_layout(self.folder).digest if self.folder.contents.is_file() else None

    def build_network(self) -> QuantizedNetwork:
        """The network that the board was generated with."""
        folder = self.folder
        folder.require(folder.network)
        return load_network(folder.network)


@dataclass(frozen=True)
class OverlayOptions(LinkOptions):
    """Which board, or which overlay in its place."""

    pynq: Annotated[
        Path | None,
        typer.Option(
            metavar="BIT",
            help="Overlay with a core of `python -m gen core`, on a Zynq that runs PYNQ. The files "
            "of its folder that are needed (network.npz, and contents.json for updates) are beside "
            "it if --build does not say where.",
        ),
    ] = None
    reload: Annotated[
        bool,
        typer.Option(
            "--reload",
            help="Load the overlay of --pynq even if the FPGA holds it; what its core was updated "
            "with is lost.",
        ),
    ] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pynq is not None and self.record is not None:
            raise FirebrickError(
                "nothing goes to an overlay in packets that could be recorded; leave out --record"
            )
        if self.pynq is None and self.reload:
            raise FirebrickError("--reload loads an overlay; name it by --pynq, or leave it out")

    @property
    def ways(self) -> dict[str, Path | str | None]:
        """As for all, and an overlay."""
        return {**super().ways, "--pynq BIT": self.pynq}

    @property
    def folder(self) -> BuildFolder:
        """Where the network of board or core is."""
        if self.pynq is not None and self.build is None:
            return OverlayFolder(self.pynq.parent)
        return super().folder

    @property
    def noun(self) -> str:
        """What frames go to, in messages."""
        return "board" if self.pynq is None else "core"

    @property
    def _kind(self) -> FolderKind:
        return FolderKind.BOARD if self.pynq is None else FolderKind.CORE


@dataclass(frozen=True)
class BoardOptions(OverlayOptions):
    """Which board, what it holds, and how frames go there."""

    updated: Annotated[
        Path | None,
        typer.Option(
            "--network",
            metavar="FILE",
            help="Network that the board was updated with, where it is not the build's: .npz or "
            ".fbz.",
        ),
    ] = None
    coding: Annotated[
        str | None,
        typer.Option(
            metavar="raw|lossless|STEP[,STEP]",
            help="How frames travel to a board that takes coded ones: raw, in fewer bytes without "
            "loss, or in still fewer with levels that are multiples of STEP: 1, 2, 4 or 8, of "
            "chroma too if it is given. If not given, lossless; but `classify` and `stream` take "
            "the least steps with which the link is as fast as the accelerator, as far as some "
            "97 % of photographs keep their class.",
        ),
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sim is not None and self.updated is not None:
            raise FirebrickError(
                "a simulated board holds what it was generated with; leave out --network "
                f"{self.updated}, or update one that `python -m sim board` serves"
            )
        if self.pynq is not None and self.coding not in (None, RAW):
            raise FirebrickError("frames go to an overlay as they are; leave out --coding")

    def check_record(self, reads: Iterable[Path] = ()) -> None:
        """As for all; what ``--network`` names is read, too."""
        super().check_record(reads if self.updated is None else [*reads, self.updated])

    def network(self) -> QuantizedNetwork:
        """The network that the board should hold.

        Raises
        ------
        FirebrickError
            If a file cannot be read, or the board cannot hold what it says.
        """
        build = self.build_network()
        return build if self.updated is None else in_envelope(build, read_network(self.updated))


@dataclass(frozen=True)
class ServedOptions(BoardOptions):
    """Which board; a simulated one that holds the default network if none is named."""

    def __post_init__(self) -> None:
        if self.record is not None or self.replay is not None:
            raise FirebrickError(
                "a server's board is neither recorded nor replayed; leave out --record and --replay"
            )
        if all(way is None for way in self.ways.values()):
            if self.build is not None:
                raise FirebrickError(
                    f"say how to reach the board of --build {self.build}, with --port or --udp; or "
                    f"simulate it with --sim {self.build}"
                )
            object.__setattr__(self, "sim", DEFAULT)
        super().__post_init__()

    @property
    def default(self) -> bool:
        """Whether it is the board that is built if it is not there."""
        return self.sim == DEFAULT

    @property
    def link(self) -> str:
        """How the board is reached, in words."""
        if self.sim is not None:
            return "simulated"
        if self.pynq is not None:
            return f"overlay {self.pynq}"
        if self.port is not None:
            return f"serial port {self.port}"
        return f"UDP {self.udp}" if self.udp else "UDP, the only board that answered"


def split_address(text: str) -> tuple[str, int]:
    """Host and port of what ``--udp`` says; the host may be empty.

    Raises
    ------
    FirebrickError
        If it says something else.
    """
    host, colon, port = text.partition(":")
    if colon and not (port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
        raise FirebrickError(
            f"--udp takes an address like 192.168.1.50 or 192.168.1.50:{UDP_PORT}, not {text!r}"
        )
    return host, int(port) if colon else UDP_PORT
