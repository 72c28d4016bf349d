from itertools import product

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from gen.common.errors import FirebrickError
from gen.formats.onnx_float import import_float
from gen.ir.preprocessing import Normalisation
from gen.ir.widths import Width
from gen.quantise.calibrate import float_logits
from gen.quantise.post_training import quantise
from gen.quantise.sensitivity import WIDTHS, choose_bits, measure, weight_memory
from sim import golden
from tests.gen.onnx_models import frames, squeezenet
from tests.recorder import BlasThreads, Recorder

NORMALISATION = Normalisation(mean=(120.0, 110.0, 100.0), std=(60.0, 58.0, 62.0))


@pytest.fixture(scope="module")
def graph():
    return import_float(squeezenet(bypass=True), "test")


@pytest.fixture(scope="module")
def loss(graph):
    told = Recorder()
    found = measure(graph.fold_input(NORMALISATION), frames(24, seed=5), progress=told)
    assert told.steps == sorted(told.steps)
    assert told.steps[-1] == (1000, 1000)
    return found


def test_fewer_bits_cost_more_in_every_layer(loss):
    for by_width in loss.values():
        values = [by_width[bits] for bits in WIDTHS]
        assert values == sorted(values, reverse=True)
        assert values[0] > 20 * values[-1] > 0


def test_blas_has_one_core_so_that_sums_are_the_same_on_all_machines(graph):
    threads = BlasThreads()
    with threadpool_limits(2):
        measure(graph.fold_input(NORMALISATION), frames(2), progress=threads)
    assert threads.seen == {1}


def test_chosen_bits_fit_and_beat_bits_shared_evenly(graph, loss):
    memory = weight_memory(graph, {})
    even = sum(table[Width(4)] for table in memory.values())
    chosen = choose_bits(loss, memory, even)
    assert sum(memory[name][bits] for name, bits in chosen.items()) <= even
    assert len(set(chosen.values())) > 1
    pictures = frames(40)
    expected = float_logits(graph.fold_input(NORMALISATION), pictures)
    errors = []
    for bits in (dict.fromkeys(chosen, Width(4)), chosen):
        network = quantise(
            graph,
            frames(24, seed=5),
            normalisation=NORMALISATION,
            weight_bits=bits,
            rounding="gptq",
        )
        got = golden.class_sums(network, pictures) * network.output.scale
        errors.append(float(np.square(got - expected).mean()))
    assert errors[1] < 0.8 * errors[0]


def test_the_choice_is_the_best_of_all():
    rng = np.random.default_rng(1)
    names, widths = "abcd", tuple(Width(bits) for bits in (2, 3, 4, 5))
    loss = {n: dict(zip(widths, np.sort(rng.random(4))[::-1], strict=True)) for n in names}
    size = dict(zip(names, rng.integers(5, 50, 4), strict=True))
    cost = {name: {width: float(size[name] * width.bits) for width in widths} for name in names}

    def total(table, choice):
        return sum(table[name][width] for name, width in zip(names, choice, strict=True))

    for budget in (cost["a"][Width(2)] * 8, sum(size.values()) * 3.3, 1e9):
        legal = [c for c in product(widths, repeat=4) if total(cost, c) <= budget]
        if not legal:
            continue
        best = min(total(loss, c) for c in legal)
        chosen = choose_bits(loss, cost, budget)
        assert total(loss, [chosen[name] for name in names]) == pytest.approx(best)


def test_layers_may_have_their_width_and_budgets_may_be_too_small(graph, loss):
    memory = weight_memory(graph, {"conv1": Width(8), "conv10": Width(2)})
    chosen = choose_bits(loss, memory, 1e9)
    assert [chosen[name].bits for name in ("conv1", "conv10", "fire2_squeeze")] == [8, 2, 8]
    least = sum(min(table.values()) for table in memory.values())
    assert choose_bits(loss, memory, least)["fire2_squeeze"] == Width(2, 4)
    with pytest.raises(FirebrickError, match="the narrowest weights need"):
        choose_bits(loss, memory, least - 1)
