from itertools import product

import numpy as np
import pytest

from gen.quantise.gptq import largest_code, round_by_gptq
from gen.quantise.hessian import MomentSums


def correlated(rng, count, inputs):
    mix = rng.normal(0, 1, (inputs, inputs)) * rng.uniform(0.2, 1.0, inputs)
    return (rng.normal(0, 1, (count, inputs)) @ mix + 2.0).astype(np.float32)


def output_error(change, hessian):
    return (change * (change @ hessian)).sum(axis=1)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_codes_are_legal_and_beat_rounding_each_weight_alone(bits):
    rng = np.random.default_rng(1)
    x = correlated(rng, 2000, 70)
    hessian = np.cov(x.T) + 0.01 * np.eye(70)
    weights = rng.laplace(0, 1, (20, 70))
    codes, scale = round_by_gptq(weights, hessian, bits, np.zeros(20))
    high = largest_code(bits)
    assert np.all(codes == np.rint(codes))
    assert np.abs(codes).max() <= high
    alone = np.full(20, np.inf)
    for clip in np.linspace(0.3, 1.0, 30):
        step = np.abs(weights).max(axis=1, keepdims=True) / high * clip
        back = np.clip(np.rint(weights / step), -high, high) * step
        alone = np.minimum(alone, output_error(back - weights, hessian))
    together = output_error(codes * scale[:, None] - weights, hessian)
    assert together.sum() < (0.6 if bits > 2 else 0.8) * alone.sum()


def test_no_code_can_be_changed_to_advantage():
    rng = np.random.default_rng(2)
    hessian = np.cov(correlated(rng, 500, 12).T) + 0.01 * np.eye(12)
    weights = rng.normal(0, 1, (5, 12))
    codes, scale = round_by_gptq(weights, hessian, 3, np.zeros(5))
    least = output_error(codes * scale[:, None] - weights, hessian)
    for row, step in product(range(12), (-1, 1)):
        other = codes.copy()
        other[:, row] = np.clip(other[:, row] + step, -3, 3)
        assert np.all(output_error(other * scale[:, None] - weights, hessian) >= least - 1e-9)


def test_close_to_the_best_of_all_codes():
    rng = np.random.default_rng(3)
    hessian = np.cov(correlated(rng, 500, 6).T) + 0.01 * np.eye(6)
    weights = rng.normal(0, 1, (8, 6))
    everything = np.array(list(product((-1, 0, 1), repeat=6)), float)
    codes, scale = round_by_gptq(weights, hessian, 2, np.zeros(8))
    got = output_error(codes * scale[:, None] - weights, hessian)
    square = np.maximum(output_error(everything, hessian), 1e-12)
    along = np.maximum(everything @ hessian @ weights.T, 0)
    best = output_error(weights, hessian) - (along**2 / square[:, None]).max(axis=0)
    assert np.all(got >= best - 1e-9)
    assert got.sum() < 1.5 * best.sum()


def test_scales_keep_to_their_floor():
    weights = np.array([[1e-9, -2e-9], [1.0, -0.5], [0.0, 0.0]])
    codes, scale = round_by_gptq(weights, np.eye(2), 4, np.full(3, 0.01))
    assert np.all(scale >= 0.01)
    assert not codes[0].any()
    assert not codes[2].any()
    np.testing.assert_allclose(codes[1] * scale[1], weights[1], rtol=0.12)


def test_moments_give_the_least_squares_solution():
    rng = np.random.default_rng(4)
    x = rng.integers(0, 256, (3000, 9)).astype(np.float32)
    truth, shift = rng.normal(0, 1, (4, 9)), np.array([1.0, -2.0, 3.0, 0.0])
    y = (x @ (0.5 * truth.T) + shift + rng.normal(0, 0.1, (3000, 4))).astype(np.float32)
    sums = MomentSums(9, 4)
    for start in range(0, 3000, 700):
        sums.add(x[start : start + 700], y[start : start + 700])
    moments = sums.moments(truth, 0.5)
    np.testing.assert_allclose(moments.mean_x, 0.5 * x.mean(axis=0), rtol=1e-5)
    weights = moments.best_weights(truth)
    np.testing.assert_allclose(weights, truth, atol=0.01)
    np.testing.assert_allclose(moments.best_bias(weights), shift, atol=0.5)
    away = moments.best_weights(truth + 1.0)
    np.testing.assert_allclose(away, weights, atol=1e-6)  # yx holds the pull towards truth


def test_moments_may_be_counted_in_parts():
    rng = np.random.default_rng(6)
    x = rng.integers(0, 256, (500, 9)).astype(np.float32)
    y = rng.normal(0, 1, (500, 4)).astype(np.float32)
    weights, origin = rng.normal(0, 1, (4, 9)), x[0]
    whole, *parts = (MomentSums(9, 4, origin) for _ in range(3))
    whole.add(x, y)
    parts[0].add(x[:200], y[:200])
    parts[1].add(x[200:], y[200:])
    parts[0].merge(parts[1])
    expected, got = whole.moments(weights, 0.5), parts[0].moments(weights, 0.5)
    for name in ("mean_x", "mean_y", "xx", "yx"):
        np.testing.assert_allclose(getattr(got, name), getattr(expected, name), rtol=1e-4)


@pytest.mark.parametrize("given", [False, True])
def test_moments_of_groups_are_those_of_each(given):
    rng = np.random.default_rng(7)
    x = rng.integers(0, 256, (3, 400, 9)).astype(np.float32)
    y = rng.normal(0, 1, (3, 400, 1)).astype(np.float32)
    weights, origin = rng.normal(0, 1, (3, 9)), x[:, 0] if given else None
    groups = MomentSums(9, 1, origin, groups=3)
    groups.add(x[:, :150], y[:, :150])
    groups.add(x[:, 150:], y[:, 150:])
    found = groups.layer_moments(weights, 0.5)
    alone = []
    for group in range(3):
        sums = MomentSums(9, 1)
        sums.add(x[group], y[group])
        alone.append(sums.moments(weights[group : group + 1], 0.5))
    for got, expected in zip(found.parts, alone, strict=True):
        for name in ("mean_x", "mean_y", "xx", "yx"):
            np.testing.assert_allclose(getattr(got, name), getattr(expected, name), rtol=1e-4)
    best = np.concatenate([m.best_weights(w[None]) for m, w in zip(alone, weights, strict=True)])
    np.testing.assert_allclose(found.best_weights(weights), best, rtol=1e-3, atol=1e-6)
    mean = 0.5 * (x.mean(axis=1) * weights).sum(axis=1)
    np.testing.assert_allclose(found.mean_response(weights), mean, rtol=1e-4)
    np.testing.assert_allclose(found.best_bias(weights), y.mean(axis=(1, 2)) - mean, rtol=1e-3)
    change = rng.normal(0, 1, (3, 9))
    error = sum(float(c @ m.xx @ c) for m, c in zip(alone, change, strict=True))
    assert found.error(change) == pytest.approx(error, rel=1e-3)
    assert np.trace(found.hessian) == pytest.approx(1.0)


def test_inputs_that_never_change_are_no_problem():
    sums = MomentSums(3, 2)
    sums.add(np.full((10, 3), 7, np.float32), np.ones((10, 2), np.float32))
    weights = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]])
    moments = sums.moments(weights, 0.1)
    np.testing.assert_allclose(moments.best_weights(weights), weights)
    codes, scale = round_by_gptq(weights, moments.xx, 4, np.full(2, 1e-3))
    bias = moments.best_bias(codes * scale[:, None])
    np.testing.assert_allclose(codes * scale[:, None] @ np.full(3, 0.7) + bias, 1.0)


def coupled_error(change, hessian, coupling):
    return float(np.einsum("cd,de,fe,cf", change, hessian, change, coupling))


def test_coupled_channels_make_up_for_one_another():
    rng = np.random.default_rng(5)
    hessian = np.cov(correlated(rng, 500, 20).T) + 0.01 * np.eye(20)
    mix = rng.normal(0, 1, (4, 16))
    coupling = mix.T @ mix / 4 + 0.1 * np.eye(16)
    weights = rng.normal(0, 1, (16, 20))
    codes, scale = round_by_gptq(weights, hessian, 3, np.zeros(16))
    alone = coupled_error(codes * scale[:, None] - weights, hessian, coupling)
    codes, scale = round_by_gptq(weights, hessian, 3, np.zeros(16), coupling)
    together = coupled_error(codes * scale[:, None] - weights, hessian, coupling)
    assert together < 0.5 * alone
    assert np.abs(codes).max() <= 3
    for channel, row, step in product(range(16), range(20), (-1, 1)):
        other = codes.copy()
        other[channel, row] = np.clip(other[channel, row] + step, -3, 3)
        change = other * scale[:, None] - weights
        assert coupled_error(change, hessian, coupling) >= together - 1e-9


def test_channels_that_are_not_coupled_are_rounded_as_if_alone():
    rng = np.random.default_rng(6)
    hessian = np.cov(correlated(rng, 500, 12).T) + 0.01 * np.eye(12)
    weights = rng.normal(0, 1, (5, 12))
    weights[2] = 0
    codes, scale = round_by_gptq(weights, hessian, 3, np.full(5, 1e-3))
    again, rescaled = round_by_gptq(weights, hessian, 3, np.full(5, 1e-3), np.eye(5))
    np.testing.assert_allclose(
        output_error(again * rescaled[:, None] - weights, hessian),
        output_error(codes * scale[:, None] - weights, hessian),
        rtol=0.2,
        atol=1e-9,
    )
