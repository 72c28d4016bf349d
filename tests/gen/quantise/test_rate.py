import numpy as np
import pytest

from gen.formats.onnx_float import import_float
from gen.ir.ops import FloatConv
from gen.quantise.gptq import round_by_gptq
from gen.quantise.rate import Step, bits_for, round_to_step, steps_for
from gen.quantise.sensitivity import MEASURED
from tests.gen.onnx_models import squeezenet


def layer(seed: int, inputs: int = 40, outputs: int = 60):
    """Weights with correlated inputs of very different sizes."""
    rng = np.random.default_rng(seed)
    weights = rng.laplace(0, 0.05, (outputs, inputs)) * rng.uniform(0.3, 2, (outputs, 1))
    mix = rng.normal(0, 1, (inputs, inputs)) * rng.uniform(0.1, 3, inputs)
    hessian = mix.T @ mix / inputs + 0.01 * np.eye(inputs)
    return weights, hessian, np.full(outputs, 1e-9)


def error(weights, hessian, codes, scale) -> float:
    change = codes * scale[:, None] - weights
    return float((change * (change @ hessian)).sum())


def entropy(codes) -> float:
    """Bits of all codes."""
    _, counts = np.unique(codes, return_counts=True)
    return float(-(counts * np.log2(counts / counts.sum())).sum())


def nearest(weights, step):
    scale = np.full(len(weights), step * np.sqrt(np.square(weights).mean()))
    return np.rint(weights / scale[:, None]), scale


@pytest.mark.parametrize("seed", [1, 2])
def test_it_beats_rounding_to_nearest_and_fixed_widths(seed):
    weights, hessian, floor = layer(seed)
    codes, scale = round_to_step(weights, hessian, Step(step=0.5), floor)
    assert np.array_equal(codes, np.rint(codes))
    bits, loss = entropy(codes), error(weights, hessian, codes, scale)
    others = [nearest(weights, 0.5)]
    others += [round_by_gptq(weights, hessian, width, floor) for width in (3, 4)]
    for part, (other, other_scale) in zip((0.5, 1.0, 1.0), others, strict=True):
        # a bit a weight makes the error four times smaller: this brings both to one size
        worth = 4.0 ** ((bits - entropy(other)) / other.size)
        assert loss * worth < part * error(weights, hessian, other, other_scale)


def test_coarser_steps_take_fewer_bits_and_cost_more():
    weights, hessian, floor = layer(3)
    found = [round_to_step(weights, hessian, Step(step=s), floor) for s in (0.1, 0.3, 0.9)]
    bits = [entropy(codes) for codes, _ in found]
    losses = [error(weights, hessian, *pair) for pair in found]
    assert bits[0] > bits[1] > bits[2]
    assert losses[0] < losses[1] < losses[2]


def test_pruned_weights_are_zero_and_the_others_make_up_for_it():
    weights, hessian, floor = layer(4)
    codes, scale = round_to_step(weights, hessian, Step(step=0.1, pruned=0.6), floor)
    assert np.mean(codes == 0) >= 0.6
    cut = np.where(np.abs(weights) < np.quantile(np.abs(weights), 0.6), 0, weights)
    change = cut - weights
    assert error(weights, hessian, codes, scale) < 0.5 * float((change * (change @ hessian)).sum())


def test_floors_and_large_weights():
    weights, hessian, _ = layer(5)
    weights[0, 0] = 50.0
    floor = np.full(len(weights), 0.01)
    codes, scale = round_to_step(weights, hessian, Step(step=0.02), floor)
    assert np.all(scale >= 0.01)
    assert np.abs(codes).max() <= 127
    zero, scale = round_to_step(np.zeros_like(weights), hessian, Step(), floor)
    assert not zero.any()
    assert np.all(scale > 0)


@pytest.mark.parametrize(("code", "bits"), [(0, 2), (1, 2), (-2, 3), (7, 4), (8, 5), (-127, 8)])
def test_narrowest_width(code, bits):
    assert bits_for(np.array([0, code])) == bits


def test_steps_share_the_loss_out():
    graph = import_float(squeezenet(), "test")
    convs = [op for op in graph.ops if isinstance(op, FloatConv)]
    loss = {op.name: {MEASURED: 0.01 * (i + 1)} for i, op in enumerate(convs)}
    steps = steps_for(graph, loss, 0.4, pruned=0.3)
    worth = [s.step**2 * loss[n][MEASURED] / c.weights.size for (n, s), c in
             zip(steps.items(), convs, strict=True) if 0.02 < s.step < 2]  # fmt: skip
    assert len(worth) > 5
    np.testing.assert_allclose(worth, worth[0])
    sizes = np.array([op.weights.size for op in convs])
    mean = np.exp((sizes * np.log([s.step for s in steps.values()])).sum() / sizes.sum())
    assert mean == pytest.approx(0.4, rel=0.05)
    assert [step.pruned for step in steps.values()] == [0.0] + [0.3] * (len(convs) - 1)
