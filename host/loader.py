"""Bitstreams into FPGAs by openFPGALoader, and what its failures mean."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gen.common.errors import FirebrickError
from gen.common.manifest import Manifest
from gen.common.progress import SILENT, Progress

TOOL = "openFPGALoader"
_SEEN = 0x0FFF_FFFF
"""Bits of an IDCODE that are looked at: above is the revision on 7-series, which no tool asks for;
on ECP5 the kind of transceivers, which openFPGALoader compares itself."""
_IDCODE = re.compile(r"\bidcode\s+0x([0-9a-fA-F]{1,8})\b")
_MODEL = re.compile(r"\bmodel\s+(\S.*)")
_BAR = re.compile(r"(.+?): \[=*\s*\] *([\d.]+)%")
_NOT_STARTED = re.compile(r"\bisc_done\b.*\bdone 0\b")
_FAILURES = (
    (
        r"device not found|no cable found",
        "finds no cable; plug in the USB port that the board is programmed by, and switch the "
        f"board on (`{TOOL} --scan-usb` lists what is plugged in; --cable if it is another cable)",
    ),
    (
        r"usb_open\(\) failed|LIBUSB_ERROR_ACCESS",
        f"may not open the cable; install {TOOL}'s udev rules (99-openfpgaloader.rules) and plug "
        "it in again, or run this as root",
    ),
    (
        r"unable to claim|LIBUSB_ERROR_BUSY",
        "finds the cable in use; close what uses it (Vivado's hardware manager, a terminal)",
    ),
    (
        r"no device found|TDO is stuck",
        "finds the cable, but no FPGA behind it; switch the board on, and look at its jumpers",
    ),
    (
        r"more than one FPGA",
        "finds several FPGAs on one cable; leave only the board on it",
    ),
    (
        r"cannot find board|error : \S+ not found",
        f"does not know this board or cable; `{TOOL} --list-cables` names the cables, and "
        "an older version may lack the board: install a newer one",
    ),
)
"""What it says (regular expressions), and what that means for people."""


@dataclass(frozen=True)
class Loader:
    """openFPGALoader, set up for a board.

    Attributes
    ----------
    tool : str
        Where it is.
    manifest : Manifest
        Of the build folder.
    cable : str or None
        As ``--list-cables`` has it, where it is not the board's own.
    usb_serial : str or None
        Serial number of the cable's USB device, where there are several.
    """

    tool: str
    manifest: Manifest
    cable: str | None = None
    usb_serial: str | None = None

    def check_part(self) -> None:
        """Look which FPGA is on the cable.

        openFPGALoader itself does not: a 7-series part takes any bitstream and stays dark.

        Raises
        ------
        FirebrickError
            If there is no cable, nothing on it, or another FPGA.
        """
        said = self._run(["--detect"], SILENT)
        found = [int(digits, 16) for digits in _IDCODE.findall(said)]
        if not found:
            raise FirebrickError(_explain("no device found"))
        if all((idcode ^ self.manifest.idcode) & _SEEN for idcode in found):
            models = ", ".join(_MODEL.findall(said)) or "unknown"
            raise FirebrickError(self._wrong_part(f"{models}, IDCODE 0x{found[0]:08x}"))

    def load(self, bitstream: Path, *, flash: bool, progress: Progress = SILENT) -> None:
        """Load a bitstream.

        Parameters
        ----------
        bitstream : Path
        flash : bool
            Into the memory that the FPGA loads itself from when it is switched on, and from there;
            else into the FPGA alone.
        progress : Progress
            Told openFPGALoader's own phases, in percent.

        Raises
        ------
        FirebrickError
            If it fails, or the FPGA does not start with it.
        """
        kind = ["--write-flash"] if flash else ["--write-sram"]
        said = self._run([*kind, str(bitstream)], progress)
        if _NOT_STARTED.search(said):
            raise FirebrickError(
                f"{bitstream}: the FPGA has taken it, but does not start (DONE stays low); it is "
                f"damaged, or not for {self.manifest.part}: build it again"
            )

    def _run(self, arguments: Sequence[str], progress: Progress) -> str:
        """All that the tool said, where it succeeded."""
        command = [self.tool]
        command += ["--board", self.manifest.loader] if self.manifest.loader else []
        command += ["--cable", self.cable] if self.cable is not None else []
        command += ["--ftdi-serial", self.usb_serial] if self.usb_serial is not None else []
        lines: list[str] = []
        with subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            assert process.stdout is not None
            try:
                for line in _lines(process.stdout):
                    lines.append(line)
                    _follow(line, lines, progress)
            except BaseException:
                process.terminate()
                raise
        said = "\n".join(lines)
        if process.returncode:
            raise FirebrickError(self._failure(said, process.returncode))
        return said

    def _failure(self, said: str, status: int) -> str:
        """What went wrong, and what to do."""
        if re.search(r"mismatch between target's idcode|Unknown device with IDCODE", said):
            return self._wrong_part(" ".join(re.findall(r".*0x[0-9a-fA-F]{7,8}.*", said)).strip())
        return _explain(said, status)

    def _wrong_part(self, found: str) -> str:
        about = self.manifest
        return (
            f"the FPGA on the cable is not the {about.part} of {about.board} that this build is "
            f"for ({found}); plug in that board, or generate for the one that is there"
        )


def find_loader(manifest: Manifest, cable: str | None, usb_serial: str | None) -> Loader:
    """openFPGALoader, if it is installed.

    Parameters
    ----------
    manifest : Manifest
    cable : str or None
    usb_serial : str or None

    Raises
    ------
    FirebrickError
        If it is not, or the board has no cable of its own and none is named.
    """
    if not manifest.loader and cable is None:
        raise FirebrickError(
            f"{manifest.board} has no cable for JTAG of its own; name the one that you have "
            f"connected, --cable ft2232 say (`{TOOL} --list-cables` lists them)"
        )
    tool = shutil.which(TOOL)
    if tool is None:
        raise FirebrickError(
            f"{TOOL} is not on PATH, which loads bitstreams; install it (`apt install "
            "openfpgaloader` on Debian and Ubuntu, `brew install openfpgaloader` on macOS)"
        )
    return Loader(tool, manifest, cable, usb_serial)


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """What comes, line by line; a bar that is drawn over and over is a line each time."""
    rest = ""
    while data := stream.read1(4096):  # type: ignore[attr-defined]
        *lines, rest = re.split(r"[\r\n]+", rest + data.decode(errors="replace"))
        yield from filter(None, lines)
    if rest:
        yield rest


def _follow(line: str, before: Sequence[str], progress: Progress) -> None:
    """Tell progress what a line says of it."""
    bar = _BAR.fullmatch(line.strip())
    if bar is None:
        return
    phase, percent = bar.groups()
    if not any(earlier.startswith(f"{phase}: [") for earlier in before[-2:-1]):
        progress.begin(phase)
    progress.advance(round(float(percent)), 100)


def _explain(said: str, status: int = 0) -> str:
    """A failure's meaning, or the last thing that was said."""
    for pattern, meaning in _FAILURES:
        if re.search(pattern, said, re.IGNORECASE):
            return f"{TOOL} {meaning}"
    last = (said.strip().splitlines() or ["it said nothing"])[-1]
    return f"{TOOL} failed with status {status}: {last}"
