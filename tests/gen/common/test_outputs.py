import os

import pytest

from gen.common.errors import FirebrickError
from gen.common.outputs import check_output


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "cat.jpg").touch()
    (tmp_path / "symbolic").symlink_to(tmp_path / "deep" / "cat.jpg")
    os.link(tmp_path / "deep" / "cat.jpg", tmp_path / "hard")
    (tmp_path / "other").touch()
    return tmp_path


@pytest.mark.parametrize("read", ["deep/cat.jpg", "symbolic", "hard", "deep/../symbolic"])
@pytest.mark.parametrize("written", ["deep/cat.jpg", "symbolic", "hard"])
def test_what_is_read_is_not_written_under_any_name(folder, read, written):
    with pytest.raises(FirebrickError, match=f"{written}: is read by the same command"):
        check_output(folder / written, [None, folder / "other", folder / read])


def test_nor_is_what_is_in_a_folder_that_is_read(folder):
    with pytest.raises(FirebrickError, match=r"symbolic: is read"):
        check_output(folder / "symbolic", [folder / "deep"])


def test_other_files_may_be_written(folder):
    check_output(folder / "other", [folder / "deep", folder / "hard", folder / "missing"])
    check_output(folder / "deep" / "new", [folder / "deep", folder / "deep" / "cat.jpg"])


@pytest.mark.parametrize(
    ("name", "message"), [("none/a", "no such folder"), ("deep", "is a folder; name a file")]
)
def test_where_nothing_can_be_written(folder, name, message):
    with pytest.raises(FirebrickError, match=message):
        check_output(folder / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_where_nothing_may_be_written(folder):
    folder.chmod(0o500)
    with pytest.raises(FirebrickError, match="no permission"):
        check_output(folder / "a")
