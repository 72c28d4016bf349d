"""Graphs and paths: sums of known delays, by hand and against a plain recursion."""

import random
from typing import Any

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from gen.timing.ecp5 import CELLS as ECP5
from gen.timing.graph import build_graph
from gen.timing.paths import Analysis
from gen.timing.xc7 import CELLS as XC7
from tests.gen.timing.netlists import CLOCK, OTHER_CLOCK, WIRES, cell, ff, netlist

START, LUT, SETUP = 0.456, 0.124, 0.06


def analyse(found, library=XC7):
    return Analysis(build_graph(found, library, WIRES))


def slowest(*cells, library=XC7, **names):
    """The slowest path of a netlist of these cells."""
    analysis = analyse(netlist(*cells, **names), library)
    return analysis.path(next(analysis.slowest()))


def test_from_flip_flop_to_flip_flop():
    path = slowest(ff(5, 2), ff(2, 3), a=2, b=3)
    assert path.ns == pytest.approx(START + 1.0 + SETUP)
    assert (path.start, path.end, path.port, path.levels) == ("a", "b", "FDRE.D", 0)
    assert path.setup == pytest.approx(SETUP)
    assert path.wire_ns == 1.0


def test_logic_with_one_load_is_beside_its_flip_flop():
    path = slowest(ff(9, 2), cell("LUT1", I0=2, O=3), ff(3, 4))
    assert path.ns == pytest.approx(START + 1.0 + LUT + 0 + SETUP)
    assert path.levels == 1
    twice = slowest(ff(9, 2), cell("LUT1", I0=2, O=3), ff(3, 4), ff(3, 5))
    assert twice.ns == pytest.approx(START + 1.0 + LUT + 1.1 + SETUP)
    assert twice.widest == 2


def test_fan_out_lengthens_a_wire():
    loads = [ff(2, 100 + number) for number in range(128)]
    path = slowest(ff(9, 2), *loads)
    assert path.ns == pytest.approx(START + 1.0 + 5 * 0.1 + 2 * 0.5 + SETUP)
    assert path.widest == 128


def carry(o, co, **pins):
    """A CARRY4 that drives four nets from each of these on."""
    unused = {"CI": "0", "CYINIT": "0", "S": ["0"] * 4, "DI": ["0"] * 4}
    outputs = {"O": list(range(o, o + 4)), "CO": list(range(co, co + 4))}
    return cell("CARRY4", **{**unused, **pins, **outputs})


def test_a_carry_chain_runs_on_without_wires():
    chain = [carry(20, 24, S=[3, "0", "0", "0"]), carry(30, 34, CI=27)]
    path = slowest(ff(9, 2), cell("LUT2", I0=2, I1="1", O=3), *chain, ff(33, 4))
    assert path.ns == pytest.approx(START + 1.0 + LUT + 0.508 + 0.313 + SETUP)
    assert [hop.cell for hop in path.hops] == ["FDRE", "LUT2", "CARRY4", "CARRY4"]
    assert (path.levels, path.carry_bits) == (2, 8)
    from_afar = slowest(ff(9, 3), *chain, ff(33, 4))
    assert from_afar.ns == pytest.approx(START + 1.0 + 0.2 + 0.508 + 0.313 + SETUP)


def test_wide_multiplexers_are_beside_their_luts():
    path = slowest(
        ff(9, 2),
        cell("LUT6", I0=2, O=3),
        cell("MUXF7", I0=3, I1="0", S="0", O=4),
        cell("MUXF8", I0=4, I1="0", S="0", O=5),
        ff(5, 6),
    )
    assert path.ns == pytest.approx(START + 1.0 + LUT + 0.223 + 0.104 + SETUP)
    select = slowest(ff(9, 2), cell("MUXF7", I0="0", I1="1", S=2, O=4), ff(4, 6))
    assert select.ns == pytest.approx(START + 1.0 + 0.296 + SETUP)


def test_blocks_are_further_away():
    ram = cell("RAMB18E1", CLKARDCLK=CLOCK, ADDRARDADDR=[2, 3], DOADO=[4, 5])
    path = slowest(ff(9, 2), ff(9, 3), ram, ff(4, 6))
    assert path.ns == pytest.approx(2.454 + 1.0 + 0.25 + SETUP)
    to_ram = slowest(ff(9, 2), ram)
    assert to_ram.ns == pytest.approx(START + 1.0 + 0.25 + 0.566)
    assert to_ram.port == "RAMB18E1.ADDRARDADDR"


def test_a_wide_cell_without_registers_is_passed_from_every_bit_to_every_bit():
    unset = dict.fromkeys(("AREG", "BREG", "MREG", "PREG"), "0")
    block = cell("DSP48E1", unset, CLK=CLOCK, A=[2, 3], B=[4], P=[10, 11, 12, 13, 14])
    path = slowest(ff(9, 3), block, ff(14, 6), last=14)
    assert path.ns == pytest.approx(START + 1.25 + 3.841 + 1.25 + SETUP)
    assert [(hop.cell, hop.net) for hop in path.hops] == [("FDRE", ""), ("DSP48E1", "last")]
    assert path.hops[1].cell_ns == pytest.approx(3.841)


def test_a_memory_of_luts_is_read_through_and_changed_by_its_clock():
    ram = cell("RAM64X1S", WCLK=CLOCK, A0=2, D="0", WE="0", O=3)
    ram["port_directions"]["O"] = "output"
    path = slowest(ff(9, 2), ram, ff(3, 4), ff(3, 5))
    assert [hop.cell for hop in path.hops] == ["FDRE", "RAM64X1S"]
    assert path.ns == pytest.approx(START + 1.0 + LUT + 1.1 + SETUP)
    own = slowest(ram, ff(3, 4), ff(3, 5))
    assert [hop.cell for hop in own.hops] == ["RAM64X1S"]
    assert own.ns == pytest.approx(1.19 + 1.1 + SETUP)


def test_ecp5_cells():
    def register(d, q, **pins):
        return cell("TRELLIS_FF", CLK=CLOCK, DI=d, Q=q, **pins)

    path = slowest(
        register(9, 2),
        cell("CCU2C", A0=2, COUT=3),
        cell("CCU2C", CIN=3, S1=4),
        register(4, 5, LSR=4),
        library=ECP5,
    )
    assert path.ns == pytest.approx(0.525 + 1.0 + 0.447 + 0.474 + 1.1 + 0.424)
    assert (path.port, path.carry_bits) == ("TRELLIS_FF.LSR", 4)


def test_paths_between_clocks_are_left_out():
    analysis = analyse(netlist(ff(9, 2), ff(2, 3, clock=OTHER_CLOCK), ff(3, 4, clock=OTHER_CLOCK)))
    (capture,) = analysis.slowest()
    assert analysis.path(capture).hops[0].net == ""
    assert analysis.ns[np.isfinite(analysis.ns)] == pytest.approx([START + 1.0 + SETUP])


def test_a_loop_is_refused():
    with pytest.raises(FirebrickError, match=r"feeds back into itself without a register, near b"):
        slowest(cell("LUT2", I0=3, I1=2, O=3), ff(3, 4), ff(9, 2), b=3)


def test_an_unknown_cell_is_told_with_its_module():
    with pytest.raises(FirebrickError, match=r"a cell 'LUT7' in module 'top'.*gen/timing"):
        slowest(cell("LUT7", I0=2, O=3), ff(3, 4))


def random_cells(seed):
    """Flip-flops, then LUTs that each read earlier nets, then flip-flops that read LUTs."""
    draw = random.Random(seed)
    inputs = range(2, 8)
    cells = [ff("0", net) for net in inputs]
    for net in range(8, 40):
        chosen = draw.sample(range(2, net), k=draw.randint(1, min(5, net - 2)))
        cells.append(cell(f"LUT{len(chosen)}", **{f"I{n}": s for n, s in enumerate(chosen)}, O=net))
    cells += [ff(draw.randint(8, 39), 100 + n) for n in range(8)]
    return cells


@pytest.mark.parametrize("seed", range(10))
def test_random_logic_is_as_late_as_a_recursion_says(seed):
    cells = random_cells(seed)
    loads: dict[int, int] = {}
    driver: dict[int, dict[str, Any]] = {}
    for item in cells:
        for port, (net,) in item["connections"].items():
            if port in ("O", "Q"):
                driver[net] = item
            else:
                loads[net] = loads.get(net, 0) + 1

    def wire(net):
        return 1.0 + 0.1 * np.log2(loads[net])

    def late(net):
        if driver[net]["type"] == "FDRE":
            return START
        sources = [nets[0] for port, nets in driver[net]["connections"].items() if port != "O"]
        return LUT + max(late(source) + wire(source) for source in sources)

    ends = [item["connections"]["D"][0] for item in cells[-8:]]
    expected = max(late(net) + (0 if loads[net] == 1 else wire(net)) + SETUP for net in ends)
    path = slowest(*cells)
    assert path.ns == pytest.approx(expected)
    parts = sum(hop.cell_ns + hop.wire_ns for hop in path.hops)
    assert parts + path.setup == pytest.approx(path.ns)
