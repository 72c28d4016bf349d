import pytest

from gen.files import replacing


def test_a_file_changes_when_it_is_complete(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"before")
    with replacing(path) as file:
        file.write(b"after")
        file.flush()
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"after"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [found.name for found in tmp_path.iterdir()] == ["a"]


def test_an_error_leaves_what_was_there(tmp_path):
    def fail() -> None:
        with replacing(path) as file:
            file.write(b"after")
            raise ValueError("no more to write")

    path = tmp_path / "a"
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match="no more"):
        fail()
    assert path.read_bytes() == b"before"
    assert [found.name for found in tmp_path.iterdir()] == ["a"]
