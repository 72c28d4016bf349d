from dataclasses import replace

import pytest

from bench.c_driver import CASES, _table, compiled, measure
from gen.common.errors import FirebrickError


def test_both_drivers_reach_the_stand_in(tmp_path):
    info, _ = CASES["32x32"]
    found = measure(info, compiled(tmp_path), 20)
    assert list(found) == ["C", "Python"]
    assert all(f.rate > 0 and f.driver > 0 and f.stand_in > 0 for f in found.values())
    assert len(_table({"small": found}).rows) == 2


def test_a_board_that_is_too_large_is_told(tmp_path):
    info = replace(CASES["32x32"][0], chunk=20_000)
    with pytest.raises(FirebrickError, match=r"throughput failed: error: 127.0.0.1:.* too small"):
        measure(info, compiled(tmp_path), 20)


def test_no_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FirebrickError, match="no C compiler found"):
        compiled(tmp_path)
