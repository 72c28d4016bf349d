"""A compiled design as a Python object: bytes in, bytes out, clock cycles counted."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gen.common.closing import Closing
from gen.common.errors import FirebrickError

SLICE = 100_000
"""Cycles between two looks at the keyboard."""

IDLE_LIMIT = 2_000_000
"""Cycles without any byte moving after which a design is given up."""


class _Transfer(ctypes.Structure):
    """``firebrick_transfer`` in ``native/runner.cpp``."""

    _fields_ = (
        ("in_bytes", ctypes.c_char_p),
        ("in_length", ctypes.c_uint64),
        ("in_done", ctypes.c_uint64),
        ("out_bytes", ctypes.c_void_p),
        ("stamps", ctypes.c_void_p),
        ("out_length", ctypes.c_uint64),
        ("out_done", ctypes.c_uint64),
        ("idle", ctypes.c_uint64),
    )


@dataclass(frozen=True)
class Transferred:
    """What a run brought.

    Attributes
    ----------
    taken : int
        How many of the bytes offered the design took.
    data : bytes
        What the design gave.
    stamps : uint64 array
        The clock cycle, counted from reset, in which each byte of ``data`` left.
    """

    taken: int
    data: bytes
    stamps: np.ndarray


class Simulator(Closing):
    """A design running in this process, out of reset.

    Use it as a context manager, or call :meth:`close`.

    Parameters
    ----------
    library : path
        As :func:`sim.verilate.build` returns it.

    Raises
    ------
    FirebrickError
        If the library cannot be loaded.
    """

    def __init__(self, library: str | Path):
        try:
            self._library = ctypes.CDLL(str(Path(library).absolute()))
        except OSError as error:
            raise FirebrickError(f"{library}: cannot load the simulation ({error})") from None
        _declare(self._library)
        self._open: int | None = self._library.firebrick_create()
        self.reset()

    def close(self) -> None:
        """End the simulation; what waves were recorded are complete afterwards."""
        if self._open is not None:
            self._library.firebrick_destroy(self._open)
            self._open = None

    @property
    def _handle(self) -> int:
        """What the library knows the simulation by."""
        if self._open is None:
            raise ValueError("the simulation is closed")
        return self._open

    @property
    def cycles(self) -> int:
        """Clock cycles since reset."""
        return int(self._library.firebrick_cycle(self._handle))

    def reset(self) -> None:
        """Put the design into reset and out again; cycles count from here."""
        self._library.firebrick_reset(self._handle)

    def stall(self, seed: int, i: float = 0.0, o: float = 0.0) -> None:
        """Pause the streams at random from now on.

        Parameters
        ----------
        seed : int
            Of the pauses; equal seeds give equal runs.
        i, o : float
            How likely the stream into and out of the design pauses in a cycle, below 1.

        Raises
        ------
        ValueError
            If a probability is negative, or 1 or more.
        """
        if not (0 <= i < 1 and 0 <= o < 1):
            raise ValueError(f"stall probabilities must be in [0, 1), not {i} and {o}")
        self._library.firebrick_stall(self._handle, seed, int(i * 65536), int(o * 65536))

    def record(self, path: str | Path) -> None:
        """Record waves from now on into an FST file.

        Raises
        ------
        FirebrickError
            If the library was built without waves, or the file cannot be written.
        """
        if not self._library.firebrick_open_waves(self._handle, str(path).encode()):
            raise FirebrickError(
                f"{path}: cannot write waves there, or the simulation was built without waves"
            )

    def watch(self, bucket: int) -> None:
        """Count from now on the cycles in which watched bits are 1, ``bucket`` cycles together."""
        self._library.firebrick_watch(self._handle, bucket)

    def counts(self, bits: int) -> np.ndarray:
        """What was counted since reset, if the library was built to watch so many bits.

        Returns
        -------
        uint32 array (buckets, bits)
            The last bucket may not be over.
        """
        start = ctypes.POINTER(ctypes.c_uint32)()
        size = self._library.firebrick_counts(self._handle, ctypes.byref(start))
        if not size:
            return np.zeros((0, bits), np.uint32)
        return np.ctypeslib.as_array(start, (size,)).reshape(-1, bits).copy()

    def run(
        self,
        data: bytes,
        expected: int,
        *,
        idle_limit: int = IDLE_LIMIT,
        drain: bool = True,
    ) -> Transferred:
        """Clock the design until bytes have gone in and come out.

        Parameters
        ----------
        data : bytes
            What to offer.
        expected : int
            How many bytes to wait for; never more are taken from the design.
        idle_limit : int
            Give up when no byte has moved in either direction for so many cycles.
        drain : bool
            Whether to go on until all of ``data`` is taken once ``expected`` bytes are there.

        Raises
        ------
        FirebrickError
            If the design stopped, saying which stream waited and how far it got.
        """
        received = ctypes.create_string_buffer(max(expected, 1))
        stamps = np.zeros(expected, dtype=np.uint64)
        transfer = _Transfer(
            data, len(data), 0, ctypes.addressof(received), stamps.ctypes.data, expected, 0, 0
        )
        while transfer.out_done < expected or (drain and transfer.in_done < len(data)):
            self._library.firebrick_run(
                self._handle, ctypes.byref(transfer), SLICE, idle_limit, drain
            )
            if transfer.idle >= idle_limit:
                raise FirebrickError(_stalled(transfer, idle_limit, self.cycles))
        return Transferred(transfer.in_done, received.raw[:expected], stamps)

    def advance(self, data: bytes, cycles: int) -> Transferred:
        """Clock the design for some cycles, offering bytes and taking what it gives.

        Parameters
        ----------
        data : bytes
            What to offer; see :attr:`Transferred.taken` for how much of it went in.
        cycles : int
        """
        # One more than can come, since the run ends when all that was expected has come.
        capacity = cycles + 1
        received = ctypes.create_string_buffer(capacity)
        stamps = np.empty(capacity, dtype=np.uint64)
        transfer = _Transfer(
            data, len(data), 0, ctypes.addressof(received), stamps.ctypes.data, capacity, 0, 0
        )
        self._library.firebrick_run(self._handle, ctypes.byref(transfer), cycles, 1 << 63, False)
        done = transfer.out_done
        return Transferred(transfer.in_done, received.raw[:done], stamps[:done])


def _stalled(transfer: _Transfer, limit: int, cycles: int) -> str:
    waiting = []
    if transfer.in_done < transfer.in_length:
        waiting.append(f"stream i took {transfer.in_done} of {transfer.in_length} bytes")
    if transfer.out_done < transfer.out_length:
        waiting.append(f"stream o gave {transfer.out_done} of {transfer.out_length} bytes")
    return (
        f"the simulated design stalled: {' and '.join(waiting)}, then nothing moved for "
        f"{limit} cycles (now at cycle {cycles}); record waves to see where"
    )


def _declare(library: ctypes.CDLL) -> None:
    """Tell ctypes the signatures of the C interface."""
    handle, number, chance = ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32
    signatures: dict[str, tuple[object, list[object]]] = {
        "create": (handle, []),
        "destroy": (None, [handle]),
        "reset": (None, [handle]),
        "cycle": (number, [handle]),
        "stall": (None, [handle, number, chance, chance]),
        "run": (None, [handle, ctypes.POINTER(_Transfer), number, number, ctypes.c_bool]),
        "watch": (None, [handle, number]),
        "counts": (number, [handle, ctypes.POINTER(ctypes.POINTER(ctypes.c_uint32))]),
        "open_waves": (ctypes.c_int, [handle, ctypes.c_char_p]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, f"firebrick_{name}")
        function.restype, function.argtypes = result, arguments
