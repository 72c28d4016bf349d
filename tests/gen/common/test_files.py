import os

import pytest

from gen.common.files import replacing


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


def test_a_link_stays_and_what_it_points_to_changes(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(b"before")
    link.symlink_to(real)
    with replacing(link) as file:
        file.write(b"after")
    assert link.is_symlink()
    assert real.read_bytes() == b"after"


@pytest.mark.parametrize("name", ["folder", "pipe", "missing/file"])
def test_what_is_no_file_is_told_by_its_name(tmp_path, name):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=name), replacing(tmp_path / name):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe"]


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path):
    (tmp_path / ".a.abcdefgh.firebrick").mkdir()
    (tmp_path / ".a.abcdefgh.firebrick" / "a").write_bytes(b"half")
    (tmp_path / ".a.mine").mkdir()
    with replacing(tmp_path / "a") as first:
        first.write(b"first")
        with replacing(tmp_path / "a") as second:
            second.write(b"second")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.mine", "a"]
