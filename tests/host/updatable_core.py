"""The registers of a core in plain Python whose contents can be updated."""

from collections.abc import Callable

from protocol.contents.model import ContentsModel, Write
from protocol.messages import DeviceInfo
from protocol.registers import BY_NAME, CoreInfo
from protocol.update_registers import UpdateInfo, UpdateState
from tests.host.updatable_board import BUILD, KEY, layout_of, words

BY_ADDRESS = {register.address: register.name for register in BY_NAME.values()}


class Cut(Exception):
    """As Ctrl-C, at a moment of the test's choice."""


class UpdatableCore:
    """A core of the tests' network, as its registers show it.

    Attributes
    ----------
    contents : ContentsModel
    held : dict
        See :func:`tests.host.updatable_board.words`.
    ready : bool
        Whether frames before a transfer are answered.
    answers : bool
        Whether transfers are answered.
    said : callable
        Changes what is written of a transfer, or raises.
    lengths : list of int
        Of all transfers.
    """

    def __init__(self, key: bytes | None = KEY, *, updatable: bool = True):
        layout = layout_of(BUILD)
        images = layout.images(BUILD.convs)
        updates = UpdateInfo(layout.digest, len(images), key is not None)
        height, width, channels = BUILD.input.shape
        self.info = CoreInfo(
            *(height, width, channels, 5, len(BUILD.ops), 32, 100_000_000, BUILD.digest),
            updates if updatable else None,
        )
        board = DeviceInfo(
            *(1, 1, 1, 1, 1), BUILD.digest,
            structure=layout.digest, memories=len(images), keyed=key is not None,
        )  # fmt: skip
        self.contents = ContentsModel(board, [image.check for image in images], key)
        self.held = words(images)
        self.ready = self.answers = True
        self.said: Callable[[bytes], bytes] = bytes
        self.lengths: list[int] = []
        self._index, self._left, self._status, self._transfer = 0, 0, 0, b""

    def read(self, offset: int) -> int:
        name = BY_ADDRESS[offset]
        assert BY_NAME[name] in self.info.registers
        digest = self.contents.digest
        check = self.contents.checks[self._index]
        own, left = digest == BUILD.digest, self._left
        state = UpdateState.OWN if own else UpdateState.UPDATED
        if self.contents.updating:
            state = UpdateState.UPDATING
        if self.info.updates is None:
            return self.info.reset_value(BY_NAME[name])
        changing = {
            "DIGEST_LOW": int.from_bytes(digest[:4], "little"),
            "DIGEST_HIGH": int.from_bytes(digest[4:], "little"),
            "UPDATE_COUNTER": self.contents.counter,
            "UPDATE_STATUS": state | (left > 0 and self.ready) << 3 | left << 16,
            "UPDATE_RESULT": self._status,
            "CHECK_LOW": check & 0xFFFF_FFFF,
            "CHECK_HIGH": check >> 32,
        }
        return changing.get(name, self.info.reset_value(BY_NAME[name]))

    def write(self, offset: int, value: int) -> None:
        assert 0 <= value < 1 << 32
        match BY_ADDRESS[offset]:
            case "CHECK_INDEX":
                self._index = value
            case "UPDATE_LENGTH":
                self.begin(value)
                self.lengths.append(value)
            case "UPDATE_DATA":
                assert self.ready
                taken = value.to_bytes(4, "little")[: self._left]
                self._transfer += taken
                self._left -= len(taken)
                if not self._left and self.answers:
                    self._take(self.said(self._transfer))
            case name:
                raise AssertionError(f"{name} is written")

    def begin(self, length: int) -> None:
        """Forget the transfer that has begun, and begin another one, of some bytes or none."""
        self._left, self._status, self._transfer = length, 0, b""

    @property
    def busy(self) -> bool:
        """Whether a transfer is not answered."""
        return self._left > 0

    def _take(self, frame: bytes) -> None:
        status, writes = self.contents.receive(frame)
        for write in writes:
            self._load(write)
        self._status = status | 1 << 31

    def _load(self, write: Write) -> None:
        place = (write.memory, write.column, write.row)
        assert place in self.held
        self.held[place] = write.word
