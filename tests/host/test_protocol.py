import numpy as np
import pytest

from gen.errors import FirebrickError
from host import protocol
from host.protocol import DeviceInfo, Result
from hw import shell

INFO = DeviceInfo(224, 227, 3, 1000, 100_000_000, bytes(range(8)))


def test_info_block_as_the_shell_sends_it():
    block = bytes.fromhex(
        "4642524b 01 00 e000 e300 03 00 e803 0000 00e1f505 0001020304050607 00000000"
    )
    assert len(block) == protocol.INFO_BYTES == 32
    assert INFO.encode() == block
    assert DeviceInfo.decode(block) == INFO
    assert INFO.frame_bytes == 224 * 227 * 3
    assert INFO.result_bytes == 4004


def test_info_block_is_the_shells():
    shape = (INFO.height, INFO.width, INFO.channels, INFO.classes)
    identity = shell.Identity(*shape, INFO.clock_hz, INFO.digest)
    assert DeviceInfo.decode(identity.encode()) == INFO


def test_commands_are_the_shells():
    commands = (protocol.INFO, protocol.FRAME, protocol.RESULT)
    assert commands == tuple(bytes([c]) for c in (shell.INFO, shell.FRAME, shell.RESULT))
    assert protocol.VERSION == shell.VERSION


def test_result_round_trip():
    sums = np.array([0, -1, 2**31 - 1, -(2**31)], dtype=np.int32)
    result = Result.decode(Result(sums, 4_000_000_000).encode())
    np.testing.assert_array_equal(result.sums, sums)
    assert result.cycles == 4_000_000_000


@pytest.mark.parametrize("block", [b"", b"FBRK", b"GBRK" + bytes(28), bytes(32), bytes(33)])
def test_no_info_block(block):
    with pytest.raises(FirebrickError, match="no firebrick board"):
        DeviceInfo.decode(block)


def test_info_block_of_another_version():
    block = bytearray(INFO.encode())
    block[4] = 9
    with pytest.raises(FirebrickError, match="protocol version 9, this host version 1"):
        DeviceInfo.decode(bytes(block))
