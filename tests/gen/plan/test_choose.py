"""The integer program that picks an option for each node, against what enumeration finds."""

from itertools import product
from math import inf

import numpy as np
import pytest

from boards.board import Resources
from gen.cost.memories import RESOURCES, resource_row
from gen.nodes.conv import ConvNode
from gen.nodes.foldings import options
from gen.nodes.graph import Graph
from gen.nodes.option import Option, Surroundings
from gen.plan.choose import MIP_GAP, PEAK_PRICE, choose
from hw.layers.folding import EnginePlan
from tests.networks import tiny_network

Choices = dict[str, list[Option]]


def test_resources_are_rows_in_the_order_in_which_they_are_named():
    held = Resources(lut=1, ff=2, dsp=3, bram36=4.5)
    row = resource_row(held)
    assert row == Option(EnginePlan(1, 1, 1, "lut", "lut", "lut", 3), held).row == (3, 1, 4.5, 2)
    assert [getattr(held, name) for name in RESOURCES] == [*row]


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


def test_a_node_without_options_has_no_choice():
    assert choose({"a": [option(1, 1)], "b": []}, [inf] * 4, [1] * 4) is None


def test_equal_choices_are_made_twice():
    net = tiny_network()
    nodes = [node for node in Graph.of(net) if isinstance(node, ConvNode)]
    choices = {n.name: options(n.shape, Surroundings((1,), 1), 2000) for n in nodes}
    remaining = [100.0, 20_000.0, 50.0, 40_000.0]
    first, second = (choose(choices, remaining, [1 / r for r in remaining]) for _ in range(2))
    assert first is not None
    assert first == second
