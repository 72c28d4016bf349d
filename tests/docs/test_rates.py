"""The README's cells from results."""

import pytest

from bench.results import Result
from docs.rates import Rates

CHAIN = {"on a board": {"planned": 34560, "simulated": 34561, "clock_hz": 100_000_000}}
LARGE = {"net": {"planned": 900, "simulated": 999, "latency": 2001, "clock_hz": 1_000_000}}
RATES = Rates({
    "chain": Result.now("chain", "", CHAIN, ""),
    "graph": Result.now("graph", "", {"small": {}, "large": LARGE}, ""),
})  # fmt: skip


def test_cycles_and_rate():
    assert RATES.rate("chain", "on a board") == "34 560 / 34 561 | 2893"
    assert RATES.rate("graph", "net", bold=True) == "900 / 999 | **1001**"


def test_a_frame_alone():
    assert RATES.alone("graph", "net") == "2 001 from first byte to last score | 499"


def test_no_such_case():
    with pytest.raises(KeyError, match="other"):
        RATES.rate("chain", "other")
