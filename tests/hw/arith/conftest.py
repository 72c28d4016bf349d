import pytest

from hw.arith import dsp48
from tests.harness.cycles import Twin


@pytest.fixture
def twins(monkeypatch):
    """Behavioural twins in the place of DSP48E1s: Amaranth simulates no primitives."""
    monkeypatch.setattr(dsp48, "Instance", Twin)
