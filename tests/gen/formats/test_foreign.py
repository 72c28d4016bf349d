from pathlib import Path

import pytest

from gen.common.errors import FirebrickError
from gen.formats.foreign import FOREIGN
from gen.formats.read import read_model


@pytest.mark.parametrize("suffix", [*FOREIGN, ".PTH"])
def test_other_tools_files_are_refused_with_the_way_to_onnx(tmp_path, suffix):
    path = tmp_path / f"net{suffix}"
    path.write_bytes(b"\0" * 100)
    with pytest.raises(FirebrickError, match=f"net{suffix}: is .*(?i:onnx).*give") as error:
        read_model(path)
    assert "FILE" not in str(error.value)


def test_a_folder_of_tensorflow_is_known(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(FirebrickError, match=f"SavedModel; .*--saved-model {tmp_path} "):
        read_model(tmp_path)


def test_a_missing_file_is_told_to_be_missing():
    with pytest.raises(FirebrickError, match=r"none\.pth: no such model file"):
        read_model(Path("none.pth"))
