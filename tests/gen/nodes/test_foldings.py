"""The foldings of one convolution and the choice among them, against what enumeration finds."""

from collections.abc import Iterator
from functools import cache
from itertools import product
from math import ceil, inf

import numpy as np
import pytest

from boards.board import Family, Resources
from gen.ir.ops import INPUT
from gen.plan.conv_shape import ConvShape
from gen.plan.cost import CostModel, window_cost
from gen.plan.limits import engine_limits
from gen.plan.options import (
    KINDS,
    MIP_GAP,
    MULTIPLIERS,
    PEAK_PRICE,
    RESOURCES,
    WIDER,
    Option,
    Surroundings,
    choose,
    options,
    resource_row,
)
from gen.plan.plan import EnginePlan
from tests.networks import NetworkBuilder, conv_network, tiny_network

COSTS = CostModel.fitted()


@cache
def shapes() -> dict[str, ConvShape]:
    """A stride of 2, bursts behind a pool, a padded 3x3, codes, wide sums, sizes without order."""
    net = NetworkBuilder((12, 10, 3), 1)
    x = net.conv("first", INPUT, 9, 3, stride=2, pad=(1, 0, 1, 2), pad_code=128)
    x = net.max_pool("pool", x)
    x = net.conv("burst", x, 12, 1, weight_bits=3)
    x = net.conv("padded", x, 10, 3, pad=1, weight_bits=5, code_bits=3)
    x = net.conv("prime", x, 7, 2, weight_bits=4)
    network = net.finish("shapes", net.conv("last", x, 8, 1))
    found = {op.name: ConvShape.of(network, op) for op in network.convs}
    # A ring of 66 pixels, of which two can be done without, and 64 fit one bank of LUT memory.
    tall = conv_network(shape=(25, 13, 3), channels=4, pad=1)
    return found | {"conv1": ConvShape.of(tall, tall.convs[0])}


NAMES = ("first", "burst", "padded", "prime", "last")
# Fewest lanes of the input and of the output.
LANES = {
    "first": (3, 3),
    "burst": (3, 4),
    "padded": (2, 2),
    "prime": (5, 7),
    "last": (1, 2),
    "conv1": (1, 2),
}
Setting = tuple[ConvShape, int, int, bool, int, int]


def settings(name: str) -> Iterator[Setting]:
    """Shape, fewest lanes in and out, whole words, transfers and cycles of many tasks."""
    shape = shapes()[name]
    slowest = shape.compute_cycles(1, 1)
    for part, lanes, whole in product((1, 2, 3.3, 8, 21, 60, 999), (False, True), (False, True)):
        cycles = ceil(slowest / part)
        i_lanes, o_lanes = LANES[name] if lanes else (1, 1)
        for transfers in (0, cycles - cycles // 30):
            yield shape, i_lanes, o_lanes, whole, transfers, cycles


def fast_enough(shape: ConvShape, plan: EnginePlan, i_lanes: int, transfers: int, cycles: int):
    waits = transfers * shape.wait_pixels(plan.window_pixels)
    limits = [limit for _, _, limit in engine_limits(shape, plan, i_lanes)]
    return max([*limits, transfers + ceil(waits / shape.pixels)]) <= cycles


@pytest.mark.parametrize("family", ["xc7", "ecp5"])
@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_legal_and_fast_enough(name: str, family: Family):
    counted = 0
    for shape, i_lanes, o_lanes, whole, transfers, cycles in settings(name):
        around = Surroundings(i_lanes, o_lanes, whole, transfers)
        for option in options(shape, around, cycles, family):
            plan = option.plan
            assert 1 <= plan.pe <= shape.cout
            assert 1 <= plan.simd <= shape.cin
            assert plan.pe % plan.lanes == shape.cout % plan.lanes == plan.lanes % o_lanes == 0
            assert plan.pe // plan.lanes <= shape.kernel**2 * ceil(shape.cin / plan.simd)
            assert not whole or shape.cin % plan.simd == 0
            assert shape.fewest_pixels <= plan.window_pixels <= shape.window_pixels
            assert fast_enough(shape, plan, i_lanes, transfers, cycles)
            assert plan.multiplier in MULTIPLIERS[family]
            assert {plan.weight_memory, plan.window_memory} <= set(KINDS[family])
            cost = COSTS.engine_cost(shape, plan, i_lanes, centre=whole, family=family)
            assert option.resources == COSTS.on_family(cost, family)
            counted += 1
    assert counted > 50


@pytest.mark.parametrize("name", NAMES)
def test_no_option_is_as_good_as_another_in_everything(name: str):
    for shape, i_lanes, o_lanes, whole, transfers, cycles in settings(name):
        found = options(shape, Surroundings(i_lanes, o_lanes, whole, transfers), cycles)
        rows = np.array([option.row[:3] for option in found])
        for index, row in enumerate(rows):
            others = np.delete(rows, index, axis=0)
            assert not (others <= row).all(axis=1).any()


def legal(setting: Setting) -> Iterator[tuple[int, int, int]]:
    """All (pe, simd, lanes) that the hardware allows and that are fast enough somehow."""
    shape, i_lanes, o_lanes, whole, transfers, cycles = setting
    for pe, simd in product(range(1, shape.cout + 1), range(1, shape.cin + 1)):
        for lanes in range(o_lanes, pe + 1, o_lanes):
            plan = EnginePlan(pe, simd, lanes, "lut", "lut", "lut", shape.window_pixels)
            if (
                pe % lanes == 0
                and shape.cout % lanes == 0
                and pe // lanes <= shape.kernel**2 * ceil(shape.cin / simd)
                and not (whole and shape.cin % simd)
                and fast_enough(shape, plan, i_lanes, transfers, cycles)
            ):
                yield pe, simd, lanes


def smallest(foldings: set[tuple[int, int, int]], shape: ConvShape) -> set[tuple[int, int, int]]:
    """Of all that take as many chunks and folds those of the fewest ``simd``, ``pe``, lanes."""
    kept: dict[tuple[int, int], tuple[int, int, int]] = {}
    for pe, simd, lanes in foldings:
        key, size = (ceil(shape.cin / simd), ceil(shape.cout / pe)), (simd, pe, lanes)
        kept[key] = min(kept.get(key, size), size)
    return {(pe, simd, lanes) for simd, pe, lanes in kept.values()}


def cheapest_ring(setting: Setting, pe: int, simd: int, kind) -> int:
    """Pixels of the window memory that costs the least of those that are fast enough."""
    shape, i_lanes, _, _, transfers, cycles = setting
    rings = [
        (cost.bram36, cost.lut, -pixels)
        for pixels in range(shape.fewest_pixels, shape.window_pixels + 1)
        for cost in [window_cost(shape, simd, kind, pixels)]
        if fast_enough(
            shape, EnginePlan(pe, simd, 1, "lut", "lut", kind, pixels), i_lanes, transfers, cycles
        )
    ]
    return -min(rings)[2]


@pytest.mark.parametrize("name", NAMES)
def test_options_are_what_enumeration_finds(name: str):
    empty = 0
    for setting in settings(name):
        shape, i_lanes, o_lanes, whole, transfers, cycles = setting
        found = options(shape, Surroundings(i_lanes, o_lanes, whole, transfers), cycles)
        foldings = set(legal(setting))
        assert bool(found) == bool(foldings)
        empty += not found
        fewest = min((pe * simd for pe, simd, _ in foldings), default=0)
        best = smallest(foldings, shape)
        best = {f for f in best if f[0] * f[1] <= max(WIDER * fewest, fewest + 8)}
        assert {(o.plan.pe, o.plan.simd, o.plan.lanes) for o in found} <= best
        rows = np.array([option.row[:3] for option in found])
        kinds = product(best, MULTIPLIERS["xc7"], KINDS["xc7"], KINDS["xc7"])
        for (pe, simd, lanes), multiplier, weights, window in kinds:
            pixels = cheapest_ring(setting, pe, simd, window)
            plan = EnginePlan(pe, simd, lanes, multiplier, weights, window, pixels)
            row = resource_row(COSTS.engine_cost(shape, plan, i_lanes, centre=whole))[:3]
            assert (rows <= row).all(axis=1).any(), plan
    assert empty


def test_rings_are_the_cheapest_and_the_largest_of_equals():
    sizes = set()
    for setting in (setting for name in (*NAMES, "conv1") for setting in settings(name)):
        shape, i_lanes, o_lanes, whole, transfers, cycles = setting
        for option in options(shape, Surroundings(i_lanes, o_lanes, whole, transfers), cycles):
            plan = option.plan
            expected = cheapest_ring(setting, plan.pe, plan.simd, plan.window_memory)
            assert plan.window_pixels == expected
            sizes.add((shape.name, expected - shape.window_pixels))
    assert {size for name, size in sizes if name == "conv1"} == {0, -2}


def test_a_stream_that_stands_still_needs_a_longer_ring():
    shape = shapes()["conv1"]
    cycles = 2 * shape.compute_cycles(1, 1)
    idle, busy = (
        {o.plan.window_pixels for o in options(shape, Surroundings(1, 1, False, n), cycles)}
        for n in (0, cycles)
    )
    assert min(idle) < shape.window_pixels
    assert busy == {shape.window_pixels}


def test_nothing_is_faster_than_a_pixel_a_cycle():
    shape = shapes()["last"]
    everything = Surroundings(shape.cin, 1, False)
    assert options(shape, everything, shape.pixels)
    assert options(shape, everything, shape.pixels - 1) == []


def test_resources_are_rows_in_the_order_in_which_they_are_named():
    held = Resources(lut=1, ff=2, dsp=3, bram36=4.5)
    row = resource_row(held)
    assert row == Option(EnginePlan(1, 1, 1, "lut", "lut", "lut", 3), held).row == (3, 1, 4.5, 2)
    assert [getattr(held, name) for name in RESOURCES] == [*row]


# The choice


Choices = dict[str, list[Option]]


def random_choices(rng: np.random.Generator) -> Choices:
    return {
        f"conv{index}": [
            Option(
                EnginePlan(number + 1, 1, 1, "lut", "lut", "lut", 1),
                Resources(
                    lut=int(rng.integers(1, 500)),
                    ff=int(rng.integers(1, 500)),
                    dsp=int(rng.integers(0, 20)),
                    bram36=int(rng.integers(0, 9)) / 2,
                ),
            )
            for number in range(rng.integers(1, 6))
        ]
        for index in range(rng.integers(1, 5))
    }


def uses(choices: Choices) -> np.ndarray:
    """What every combination takes of each resource."""
    return np.array(
        [np.sum([option.row for option in group], axis=0) for group in product(*choices.values())]
    )


def price(use: np.ndarray, remaining: np.ndarray, weights: np.ndarray, even: bool) -> np.ndarray:
    """What :func:`choose` is to make small."""
    return use @ weights + (PEAK_PRICE * (use / remaining).max(axis=-1) if even else 0)


@pytest.mark.parametrize("even", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_choices_are_as_good_as_the_best(seed: int, even: bool):
    rng = np.random.default_rng(seed)
    choices = random_choices(rng)
    use = uses(choices)
    # About what the combinations take, so that some do not fit, and sometimes none does.
    remaining = np.ceil(np.quantile(use, rng.uniform(0, 0.6), axis=0)) + rng.integers(0, 2, 4)
    remaining = np.maximum(remaining, 1)
    weights = rng.uniform(0.1, 1, 4) / remaining
    fitting = use[(use <= remaining).all(axis=1)]
    picked = choose(choices, remaining, weights, even=even)
    assert (picked is None) == (len(fitting) == 0)
    if picked is not None:
        assert list(picked) == list(choices)
        assert all(option in choices[name] for name, option in picked.items())
        taken = np.sum([option.row for option in picked.values()], axis=0)
        assert (taken <= remaining).all()
        best = price(fitting, remaining, weights, even).min()
        assert price(taken, remaining, weights, even) <= best * (1 + 2 * MIP_GAP)


def test_the_random_choices_sometimes_fit_and_sometimes_do_not():
    """Keeps the test above from checking one side only."""
    fits = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        use = uses(random_choices(rng))
        remaining = np.ceil(np.quantile(use, rng.uniform(0, 0.6), axis=0)) + rng.integers(0, 2, 4)
        fits.append(bool((use <= np.maximum(remaining, 1)).all(axis=1).any()))
    assert 10 < sum(fits) < 50


def option(dsp: int, lut: int) -> Option:
    return Option(
        EnginePlan(1, 1, 1, "lut", "lut", "lut", 1), Resources(lut=lut, ff=1, dsp=dsp, bram36=0)
    )


def test_without_limits_each_gets_its_cheapest():
    rng = np.random.default_rng(1)
    choices = random_choices(rng)
    for index in range(4):
        weights = np.eye(4)[index]
        picked = choose(choices, [inf] * 4, weights)
        assert picked is not None
        for name, group in choices.items():
            assert picked[name].row[index] == min(o.row[index] for o in group)


def test_even_spreads_what_is_used_most():
    choices = {f"conv{index}": [option(0, 50), option(10, 10)] for index in range(2)}
    remaining, weights = [20.0, 100.0, 1.0, 100.0], [0.0, 0.01, 0.0, 0.0]
    crowded, spread = (choose(choices, remaining, weights, even=even) for even in (False, True))
    assert crowded is not None
    assert spread is not None
    assert [o.resources.dsp for o in crowded.values()] == [10, 10]
    assert sorted(o.resources.dsp for o in spread.values()) == [0, 10]


def test_room_may_be_used_up_and_not_be_exceeded_by_a_half():
    half = Option(
        EnginePlan(1, 1, 1, "lut", "lut", "lut", 1), Resources(lut=10, ff=1, dsp=2, bram36=0.5)
    )
    choices = {"a": [half], "b": [half]}
    picked = choose(choices, [4, 20, 1, 2], [1, 1, 1, 1])
    assert picked == {"a": half, "b": half}
    for index in range(4):
        remaining = [4.0, 20.0, 1.0, 2.0]
        remaining[index] -= 0.5
        assert choose(choices, remaining, [1, 1, 1, 1]) is None


def test_what_fits_one_by_one_need_not_fit_together():
    # Either fits with its own fewest DSP blocks and with its own fewest LUTs, but not at once.
    choices = {f"conv{index}": [option(1, 10), option(10, 1)] for index in range(2)}
    assert choose(choices, [10, 10, 1, 9], [1, 1, 1, 1]) is None
    assert choose(choices, [11, 11, 1, 9], [1, 1, 1, 1]) is not None


def test_a_convolution_without_options_has_no_choice():
    assert choose({"a": [option(1, 1)], "b": []}, [inf] * 4, [1] * 4) is None


def test_equal_choices_are_made_twice():
    net = tiny_network()
    shapes = [ConvShape.of(net, op) for op in net.convs]
    choices = {s.name: options(s, Surroundings(1, 1, False), 2000) for s in shapes}
    remaining = [100.0, 20_000.0, 50.0, 40_000.0]
    first, second = (choose(choices, remaining, [1 / r for r in remaining]) for _ in range(2))
    assert first is not None
    assert first == second
