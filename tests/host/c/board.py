"""The C driver in Python, by way of ctypes: what the header declares, and a board to drive."""

import ctypes as c
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

OK, PENDING = 0, 1
ERRORS = (
    *("ARGUMENT", "BUSY", "SIZE", "ROOM", "REFUSED", "LINK"),
    *("SILENT", "STUCK", "NOT_OURS", "VERSION", "NETWORK", "CHANGED"),
)
NUMBER = {name: number for number, name in enumerate(ERRORS, PENDING + 1)}
"""Of ``FB_ERR_``..."""
FOREVER = 1 << 30

SEND = c.CFUNCTYPE(c.c_bool, c.c_void_p, c.c_void_p, c.c_size_t)
RECEIVE = c.CFUNCTYPE(c.c_int32, c.c_void_p, c.c_void_p, c.c_size_t, c.c_uint32)
NOW = c.CFUNCTYPE(c.c_uint32, c.c_void_p)


class Port(c.Structure):
    _fields_ = (
        ("context", c.c_void_p),
        ("send", SEND),
        ("receive", RECEIVE),
        ("now_ms", NOW),
        ("stream", c.c_bool),
        ("bytes_per_second", c.c_uint32),
    )


class Config(c.Structure):
    _fields_ = (
        ("port", Port),
        ("tx", c.c_void_p),
        ("tx_size", c.c_size_t),
        ("rx", c.c_void_p),
        ("rx_size", c.c_size_t),
        ("digest", c.c_char_p),
        ("first", c.c_uint16),
        ("patience_ms", c.c_uint32),
        ("timeout_ms", c.c_uint32),
        ("stalls", c.POINTER(c.c_uint32)),
        ("stalls_room", c.c_size_t),
    )


class Info(c.Structure):
    _fields_ = (
        *((name, c.c_uint16) for name in ("chunk", "credits", "frames", "height", "width")),
        *((name, c.c_uint16) for name in ("channels", "classes", "streams", "memories", "update")),
        ("counter", c.c_uint32),
        ("clock_hz", c.c_uint32),
        ("coded", c.c_bool),
        ("digest", c.c_uint8 * 8),
        ("structure", c.c_uint8 * 8),
        *((name, c.c_uint32) for name in ("frame_bytes", "chunks", "parts")),
    )


class Statistics(c.Structure):
    _fields_ = (
        *((name, c.c_uint32) for name in ("cycles", "stalled", "pixels")),
        *((name, c.c_uint16) for name in ("sequence", "index", "credit", "in_flight", "answered")),
        *((name, c.c_uint16) for name in ("bad", "dropped", "lost", "refused", "streams")),
        ("stalls", c.POINTER(c.c_uint32)),
    )


class Frame(c.Structure):
    _fields_ = (
        ("status", c.c_int),
        ("ticket", c.c_uint32),
        ("cycles", c.c_uint32),
        ("pixels", c.c_void_p),
        ("sums", c.c_void_p),
        ("next", c.c_void_p),
        ("number", c.c_int64),
        ("parts", c.c_uint32 * 16),
        ("refused", c.c_bool),
    )


def load(path: Path) -> c.CDLL:
    """The driver with ``shim.c``."""
    library = c.CDLL(str(path))
    library.fb_strerror.restype = c.c_char_p
    library.fb_result.restype = c.c_void_p
    for name in ("fb_is_ready", "fb_may_submit", "fb_heard"):
        getattr(library, name).restype = c.c_bool
    library.fb_top1.restype = c.c_size_t
    sizes = (c.c_size_t * 5)()
    library.shim_sizes(sizes)
    assert list(sizes)[1:] == [c.sizeof(kind) for kind in (Config, Frame, Info, Statistics)]
    return library


class Wire:
    """Bytes that left and bytes that come, and a clock that goes while nothing does.

    ``reply`` tells what comes of what leaves; nothing if there is none.
    """

    def __init__(self, now: int = 0, reply: Callable[[bytes], Iterable[bytes]] | None = None):
        self.reply = reply
        self.sent: list[bytes] = []
        self.coming: deque[bytes] = deque()
        self.now = now
        self.broken = False

    def send(self, data: bytes) -> bool:
        self.sent.append(data)
        if self.reply is not None:
            self.coming.extend(self.reply(data))
        return not self.broken

    def receive(self, size: int, wait: int) -> bytes:
        """A datagram, or some bytes of a stream."""
        if not self.coming:
            self.now += wait
            return b""
        data = self.coming.popleft()
        if size < len(data):
            self.coming.appendleft(data[size:])
        return data[:size]


class Board:
    """A board of the C driver, open on a wire."""

    def __init__(self, library: c.CDLL, wire: Wire, digest: bytes | None = None, **options):
        self.library, self.wire = library, wire
        sizes = (c.c_size_t * 5)()
        library.shim_sizes(sizes)
        self.memory = c.create_string_buffer(sizes[0])
        self.tx = c.create_string_buffer(options.pop("tx_size", 1024))
        self.rx = c.create_string_buffer(options.pop("rx_size", 1024))
        self.stalls = (c.c_uint32 * 4)()
        self.callbacks = SEND(self._send), RECEIVE(self._receive), NOW(self._now)
        stream, rate = options.pop("stream", False), options.pop("bytes_per_second", 0)
        self.config = Config(
            Port(None, *self.callbacks, stream, rate),
            c.addressof(self.tx),
            c.sizeof(self.tx),
            c.addressof(self.rx),
            c.sizeof(self.rx),
            digest,
            stalls=self.stalls,
            stalls_room=4,
            **options,
        )
        self.frames: dict[int, tuple[Frame, bytes, np.ndarray]] = {}
        assert library.fb_open(self.memory, c.byref(self.config)) == OK

    def _send(self, _: None, data: int, size: int) -> bool:
        return self.wire.send(c.string_at(data, size))

    def _receive(self, _: None, data: int, size: int, wait: int) -> int:
        if self.wire.broken:
            return -1
        came = self.wire.receive(size, wait)
        c.memmove(data, came, len(came))
        return len(came)

    def _now(self, _: None) -> int:
        return self.wire.now % (1 << 32)

    def poll(self, wait: int = FOREVER) -> int:
        return self.library.fb_poll(self.memory, wait)

    @property
    def ready(self) -> bool:
        return self.library.fb_is_ready(self.memory)

    @property
    def may_submit(self) -> bool:
        return self.library.fb_may_submit(self.memory)

    @property
    def info(self) -> Info:
        return Info.from_buffer(self.memory)

    @property
    def counters(self) -> dict[str, int]:
        values = (c.c_uint32 * 5)()
        self.library.shim_counters(self.memory, values)
        return dict(zip(("heard", "damaged", "returned", "resent", "resets"), values, strict=True))

    def submit(self, pixels: bytes, room: int | None = None) -> int:
        """Its status; the frame is kept until its result is taken."""
        frame, sums = Frame(), np.full(self.info.classes, -1, dtype=np.int32)
        status = self.submit_frame(frame, pixels, sums, room)
        if status == OK:
            self.frames[c.addressof(frame)] = frame, pixels, sums
        return status

    def submit_frame(
        self, frame: Frame, pixels: bytes, sums: np.ndarray, room: int | None = None
    ) -> int:
        """Its status; whoever calls keeps all of it."""
        return self.library.fb_submit(
            self.memory,
            c.byref(frame),
            pixels,
            c.c_size_t(len(pixels)),
            c.c_void_p(sums.ctypes.data),
            c.c_size_t(len(sums) if room is None else room),
        )

    def results(self) -> list[tuple[Frame, np.ndarray]]:
        """Frames that have been answered, and their class sums."""
        found = []
        while address := self.library.fb_result(self.memory):
            frame, _, sums = self.frames.pop(address)
            found.append((frame, sums))
        return found

    def ask(self) -> int:
        return self.library.fb_ask(self.memory)

    def heard(self) -> Statistics | None:
        said = Statistics()
        return said if self.library.fb_heard(self.memory, c.byref(said)) else None
