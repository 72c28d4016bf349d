import pytest

from gen import rtlil
from gen.errors import FirebrickError


@pytest.mark.parametrize("text", ["", "module top;\nendmod"])
def test_a_file_that_yosys_could_not_finish_is_refused(monkeypatch, tmp_path, text):
    monkeypatch.setattr(rtlil, "run_yosys", lambda *commands: (tmp_path / "x.v").write_text(text))
    with pytest.raises(FirebrickError, match=r"x\.v: .*disk full"):
        rtlil.rtlil_to_verilog(tmp_path / "x.il", tmp_path / "x.v")


def test_yosys_reason_is_told(tmp_path):
    with pytest.raises(FirebrickError, match=r"Yosys failed: .*none\.il"):
        rtlil.rtlil_to_verilog(tmp_path / "none.il", tmp_path / "x.v")
