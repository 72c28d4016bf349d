"""Keys of updates from their files."""

import hashlib
from pathlib import Path

import pytest

from protocol.contents.key import read_key

SECRET = bytes(range(200, 232))
KEY = hashlib.blake2b(SECRET, digest_size=16, person=b"firebrick update").digest()
OTHER_BYTES = bytes(range(32))


def written(folder: Path, content: bytes) -> Path:
    path = folder / "update.key"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        SECRET,
        SECRET.hex().encode(),
        SECRET.hex().upper().encode() + b"\n",
        SECRET.hex().encode() + b" \r\n\n",
    ],
)
def test_bytes_and_their_digits_give_one_key(tmp_path, content):
    assert read_key(written(tmp_path, content)) == KEY
    assert read_key(str(tmp_path / "update.key")) == KEY


def test_the_key_is_fixed_for_all_times():
    """Boards in the field have it in their bitstream."""
    assert KEY.hex() == "13b13e485aa4226a178b277bf1746821"


def test_white_space_is_part_of_32_bytes(tmp_path):
    """They may be any."""
    spaces = b" " * 31 + b"\n"
    assert read_key(written(tmp_path, spaces)) != read_key(written(tmp_path, OTHER_BYTES))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        SECRET[:-1],
        SECRET + b"\n",
        SECRET.hex().encode()[:-1],
        SECRET.hex().encode() + b"0",
        b"\n" + SECRET.hex().encode(),
        SECRET.hex().encode()[:-1] + b"g",
        SECRET.hex().encode()[:-1] + b"\xb2",
        SECRET.hex(" ").encode()[:64],
        bytes(1 << 12),
    ],
)
def test_other_contents_are_refused_without_being_told(tmp_path, content):
    path = written(tmp_path, content)
    with pytest.raises(ValueError, match="exactly 32 bytes, or 64 hexadecimal digits") as caught:
        read_key(path)
    assert str(path) in str(caught.value)
    assert SECRET.hex()[:8] not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_file_that_cannot_be_read_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        read_key(tmp_path / "nowhere")
    with pytest.raises(OSError, match="directory"):
        read_key(tmp_path)
