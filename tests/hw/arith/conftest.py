import pytest

from hw.arith import dsp48
from tests.harness.cycles import BehaviouralInstance


@pytest.fixture
def behavioural_models(monkeypatch):
    """Behavioural models in the place of DSP48E1s: Amaranth simulates no primitives."""
    monkeypatch.setattr(dsp48, "Instance", BehaviouralInstance)
