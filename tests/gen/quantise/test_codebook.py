import numpy as np
import pytest

from gen.quantise.codebook import round_to_levels
from gen.quantise.gptq import largest_code, round_by_gptq
from tests.gen.quantise.test_gptq import correlated, output_error


def hessian_of(rng, inputs):
    return np.cov(correlated(rng, 2000, inputs).T) + 0.01 * np.eye(inputs)


@pytest.mark.parametrize(("code_bits", "level_bits"), [(2, 4), (3, 4), (3, 5), (4, 6), (5, 8)])
def test_levels_are_legal_and_beat_evenly_spaced_ones(code_bits, level_bits):
    rng = np.random.default_rng(1)
    hessian = hessian_of(rng, 60)
    weights = rng.laplace(0, 1, (40, 60)) * rng.uniform(0.3, 3, (40, 1))
    floor = np.zeros(40)
    found, scale, codebook = round_to_levels(weights, hessian, code_bits, level_bits, floor)
    assert codebook.shape == (1 << code_bits,)
    assert np.all(codebook == np.rint(codebook))
    assert np.all(np.diff(codebook) > 0)
    assert np.abs(codebook).max() <= largest_code(level_bits)
    assert np.isin(found, codebook).all()
    error = output_error(found * scale[:, None] - weights, hessian).sum()
    codes, step = round_by_gptq(weights, hessian, code_bits, floor)
    assert error < 0.85 * output_error(codes * step[:, None] - weights, hessian).sum()


def test_levels_that_weights_have_are_found():
    rng = np.random.default_rng(2)
    levels = np.array([-15, -11, -6, -2, 1, 5, 9, 14])
    picks = rng.choice(levels, (30, 50))
    scale = rng.uniform(0.01, 0.02, 30)
    found, got, codebook = round_to_levels(picks * scale[:, None], np.eye(50), 3, 5, np.zeros(30))
    np.testing.assert_array_equal(codebook, levels)
    np.testing.assert_array_equal(found, picks)
    np.testing.assert_allclose(got, scale)


def test_channels_make_up_for_one_another():
    rng = np.random.default_rng(3)
    hessian, weights = hessian_of(rng, 30), rng.laplace(0, 1, (24, 30))
    mix = rng.normal(0, 1, (6, 24))
    coupling = mix.T @ mix / 6 + 0.1 * np.eye(24)

    def error(found, scale):
        change = found * scale[:, None] - weights
        return float(np.einsum("cd,de,fe,cf", change, hessian, change, coupling))

    alone = round_to_levels(weights, hessian, 3, 5, np.zeros(24))
    together = round_to_levels(weights, hessian, 3, 5, np.zeros(24), coupling)
    assert error(*together[:2]) < 0.6 * error(*alone[:2])


def test_scales_keep_to_their_floor_and_zeros_stay_harmless():
    weights = np.array([[1e-9, -2e-9, 0.0], [1.0, -0.5, 0.2], [0.0, 0.0, 0.0]])
    found, scale, codebook = round_to_levels(weights, np.eye(3), 2, 4, np.full(3, 0.01))
    assert np.all(scale >= 0.01)
    assert np.abs(found[[0, 2]] * scale[[0, 2], None]).max() <= 0.2
    np.testing.assert_allclose(found[1] * scale[1], weights[1], atol=0.25)
    assert np.isin(found, codebook).all()
    nothing, scale, _ = round_to_levels(np.zeros((2, 3)), np.eye(3), 2, 4, np.ones(2))
    assert np.all(scale >= 1.0)
    assert np.abs(nothing).max() <= largest_code(4)
