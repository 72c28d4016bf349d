"""A board on a serial port."""

from __future__ import annotations

import errno
import grp
import os
import termios
from contextlib import suppress

import serial
from serial.tools import list_ports

from gen.common.errors import FirebrickError
from host.transport import Transport

_BITS_PER_BYTE = 10
_WRITE_PATIENCE = 5.0
_WRITE_CHUNK = 4096
_FAILURES = (serial.SerialException, OSError, termios.error)


class SerialTransport(Transport):
    """8 data bits, no parity, one stop bit, no flow control.

    Parameters
    ----------
    port : str
        As the operating system names it, say ``/dev/ttyUSB1``.
    baud : int

    Raises
    ------
    FirebrickError
        If the port is not there or cannot be had; names the ports that are there.
    """

    def __init__(self, port: str, baud: int):
        self._name, self._baud = f"{port} at {baud} baud", baud
        try:
            patience = _WRITE_PATIENCE + _WRITE_CHUNK * self.seconds_per_byte
            self._serial = serial.Serial(
                port, baud, timeout=0, write_timeout=patience, exclusive=True
            )
            self._serial.reset_input_buffer()
            self._hurry()
        except (*_FAILURES, ValueError, OverflowError) as error:
            if getattr(error, "errno", None) in (errno.EACCES, errno.EPERM):
                raise FirebrickError(no_permission(port)) from None
            raise FirebrickError(f"{port}: cannot open ({error}); {known_ports()}") from None

    def _hurry(self) -> None:
        """Ask the USB bridge not to collect bytes before it passes them on, where that can be."""
        with suppress(AttributeError, NotImplementedError, ValueError, *_FAILURES):
            self._serial.set_low_latency_mode(True)

    @property
    def name(self) -> str:
        """Port and speed."""
        return self._name

    @property
    def seconds_per_byte(self) -> float:
        """Start bit, 8 bits, stop bit."""
        return _BITS_PER_BYTE / self._baud

    def write(self, data: bytes) -> None:
        """Send all of ``data``.

        Raises
        ------
        FirebrickError
            If the port does not take them in time, or fails.
        """
        try:
            for start in range(0, len(data), _WRITE_CHUNK):
                self._serial.write(data[start : start + _WRITE_CHUNK])
        except serial.SerialTimeoutException:
            raise FirebrickError(
                f"{self._name}: the port did not take {len(data)} bytes; is something holding "
                "the line?"
            ) from None
        except _FAILURES as error:
            raise FirebrickError(f"{self._name}: cannot write ({error}); unplugged?") from None

    def read(self, timeout: float) -> bytes:
        """Wait up to ``timeout`` seconds for a byte; returns all that came.

        Raises
        ------
        FirebrickError
            If the port fails.
        """
        try:
            self._serial.timeout = timeout
            first = bytes(self._serial.read(1))
            return first + bytes(self._serial.read(self._serial.in_waiting))
        except _FAILURES as error:
            raise FirebrickError(f"{self._name}: cannot read ({error}); unplugged?") from None

    def close(self) -> None:
        """Close the port."""
        self._serial.close()


def no_permission(port: str) -> str:
    """What to do about a port that is there but may not be opened, for messages."""
    try:
        group = grp.getgrgid(os.stat(port).st_gid).gr_name
    except (KeyError, OSError):
        group = "root"
    if group == "root":  # nobody should join that
        group = "dialout"
    return (
        f"{port}: you may not open it; join the group that may, `sudo usermod -aG {group} $USER`, "
        "and log in again"
    )


def known_ports() -> str:
    """The serial ports of this machine, for messages."""
    found = sorted(port.device for port in list_ports.comports())
    return f"ports found: {', '.join(found)}" if found else "no serial port found on this machine"
