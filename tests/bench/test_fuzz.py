"""What is fuzzed reads good input, and damaged input without any error but ours."""

import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.fuzz.targets import TARGETS, _reading
from gen.common.errors import FirebrickError
from gen.formats.fbz import load_fbz
from tests.damage import damaged

QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SEEDS = {name: list(target.seeds()) for name, target in TARGETS.items()}


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_good_input_is_read(name):
    refused = [at for at, seed in enumerate(SEEDS[name]) if not TARGETS[name].read(seed)]
    assert refused == []


@pytest.mark.parametrize("name", sorted(TARGETS))
@given(data=st.data())
@QUICK
def test_damaged_input_gives_no_error_but_ours(name, data):
    seed = data.draw(st.sampled_from([seed for seed in SEEDS[name] if seed]))
    taken = TARGETS[name].read(data.draw(st.binary(max_size=40) | damaged(seed)))
    assert taken in (True, False)  # refused or not, and no other error came out


def test_a_reader_that_fails_is_found():
    def fails(path):
        raise KeyError(path)

    def mumbles(path):
        raise FirebrickError("something is wrong")

    with pytest.raises(KeyError):
        _reading(fails, ".bin", b"")
    with pytest.raises(AssertionError):
        _reading(mumbles, ".bin", b"")
    assert not _reading(load_fbz, ".fbz", b"refused as it should be")


def test_the_fuzzer_is_named_where_it_lacks(monkeypatch):
    from bench.fuzz.__main__ import fuzz

    monkeypatch.setitem(sys.modules, "atheris", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FirebrickError, match="pip install atheris"):
        fuzz(None, "onnx")
