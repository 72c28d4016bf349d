"""The fit of the wire model, on wires of a known model and on what was really routed."""

import json
from dataclasses import replace

import numpy as np
import pytest

from bench.wires import Wires, fit, read_sdf, read_xc7_design, read_xc7_wires
from gen.timing.cell_timing import BLOCK, LOGIC
from gen.timing.wires import WireModel
from tests.paths import SHARED

TRUTH = WireModel(base=0.8, slope=0.05, wide_slope=0.4, block=0.6, feed=0.1, routed=1.0, error=0.0)
ROUTED = SHARED / "xc7/routed"


def test_the_fit_finds_the_model_that_wires_come_from():
    draw = np.random.default_rng(1)
    fan_out = np.rint(2 ** draw.uniform(0, 11, 4000)).astype(int)
    blocks = draw.integers(0, 3, 4000)
    drivers = np.where(blocks == 2, BLOCK, LOGIC)
    pins = np.where(blocks > 0, BLOCK, LOGIC)
    ns = TRUTH.delays(drivers, pins, fan_out) + draw.normal(0, 0.05, 4000)
    found = fit(Wires(fan_out, blocks, ns), TRUTH.feed)
    for name, value in vars(TRUTH).items():
        assert getattr(found, name) == pytest.approx(value, abs=0.02), name


SDF = """\
(DELAYFILE
  (CELL
    (CELLTYPE "top")
    (INSTANCE )
    (DELAY
      (ABSOLUTE
        (INTERCONNECT \\$gbuf/CLKO a\\[0\\]/CLK (0:0:0) (0:0:0))
        (INTERCONNECT a\\[0\\]/Q b/A (410:420:433) (410:420:433))
        (INTERCONNECT a\\[0\\]/Q m/A0 (900:900:900) (900:900:900))
        (INTERCONNECT b/F a\\[0\\]/DI (0:0:0) (0:0:0))
        (INTERCONNECT m/P0 b/B (700:700:700) (700:700:700))
        (INTERCONNECT m/P1 m/B0 (800:800:800) (800:800:800))
      )
    )
  )
  (CELL
    (CELLTYPE "DCCA")
    (INSTANCE \\$gbuf)
  )
  (CELL
    (CELLTYPE "TRELLIS_FF")
    (INSTANCE a\\[0\\])
  )
  (CELL
    (CELLTYPE "TRELLIS_COMB")
    (INSTANCE b)
  )
  (CELL
    (CELLTYPE "MULT18X18D")
    (INSTANCE m)
  )
)
"""


def test_connections_are_read_from_sdf():
    found = read_sdf(SDF)
    assert found.ns == pytest.approx([0.41, 0.9, 0.7, 0.8])
    assert found.fan_out.tolist() == [2, 2, 1, 1]
    assert found.blocks.tolist() == [0, 1, 1, 2]


def hop(kind, to, fan_out, *, group="data"):
    return {
        "cell_type": kind,
        "to_type": to,
        "fanout": fan_out,
        "logic_ns": 0.5,
        "net_ns": 2.0,
        "class": group,
    }


def test_a_routed_design_is_its_slowest_path_and_the_slowest_by_estimate(tmp_path):
    hops = [hop("SLICE_FFX", "SLICE_LUTX", 2), hop("SLICE_LUTX", "CARRY4", 1, group="lut_to_carry")]
    paths = [
        {"total_ns": 5.06, "setup_ns": 0.06, "hops": hops},
        {"total_ns": 3.06, "setup_ns": 0.06, "hops": [hop("DSP48E1_DSP48E1", "RAMB18E1_X", 64)]},
    ]
    path = tmp_path / "small.json"
    path.write_text(json.dumps({"paths": paths}))
    found = read_xc7_design(path, TRUTH)
    assert (found.title, found.ns) == ("small", 5.06)
    first = 0.06 + 2 * 0.5 + 0.8 + 0.05
    second = 0.06 + 0.5 + 0.8 + 5 * 0.05 + 0.4 + 2 * 0.6
    assert found.estimated == pytest.approx(max(first, second))


@pytest.mark.skipif(not ROUTED.is_dir(), reason=f"{ROUTED} is missing: what was routed")
def test_the_constants_that_ship_are_those_of_the_routed_designs():
    shipped = WireModel.load("xc7")
    assert fit(read_xc7_wires(ROUTED / "arcs.csv"), shipped.feed) == replace(
        shipped, routed=1.0, error=0.0
    )
    for name in ("fps60_s1", "fps60_s2", "fps60_nosrl_s1", "fps20_s1"):
        design = read_xc7_design(ROUTED / f"{name}.json", shipped)
        assert design.estimated * shipped.routed == pytest.approx(
            design.ns, rel=shipped.error + 0.001
        )
