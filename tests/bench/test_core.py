from bench import core
from tests.networks import tiny_network


def test_a_part_that_is_too_small_is_told():
    found = core.planned(tiny_network(1), "xc7z010")
    assert found["cycles"] == 360
    assert found["used"]["lut"] <= found["budget"]["lut"] == int(17_600 * 0.8)
    assert len(core.PARTS) >= 8


def test_refusals_are_kept(monkeypatch):
    monkeypatch.setattr(core, "UTILISATION", 0.01)
    assert "does not fit xc7z010" in core.planned(tiny_network(1), "xc7z010")["refused"]
