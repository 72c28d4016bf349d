"""Packed rows in a DSP48E1: integers against hardware, and its behavioural model's registers."""

import itertools

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.arith import dsp48
from hw.stream.lane_stream import lane_stream
from tests.harness import StreamBench
from tests.harness.cycles import BehaviouralInstance, run, unpacked
from tests.harness.verilog import write_with_vendor_cells

BITS = range(2, 9)
PACKINGS = [(bits, symmetric) for bits in BITS for symmetric in (True, False)]


def least(bits, symmetric):
    """The most negative weight."""
    return -(1 << bits - 1) + symmetric


@pytest.mark.parametrize(("bits", "symmetric"), PACKINGS)
def test_the_pre_adder_holds_two_weights_as_far_apart_as_can_be(bits, symmetric):
    extremes = least(bits, symmetric), (1 << bits - 1) - 1
    half = 1 << dsp48.PREADDER_BITS - 1
    offset = dsp48.packing_offset(bits, symmetric)

    def fits(offset):
        pairs = itertools.product(extremes, extremes)
        return all(-half <= dsp48.packed_model(*pair, offset) < half for pair in pairs)

    assert fits(offset)
    assert not fits(offset + 1)


@pytest.mark.parametrize(("bits", "symmetric"), PACKINGS)
def test_rows_share_a_block_up_to_the_most_overlap(bits, symmetric):
    offset = dsp48.packing_offset(bits, symmetric)
    room = dsp48.P_BITS - 2 * offset
    # The smallest weights lie so far apart that P ends first.
    assert (room < dsp48.MOST_OVERLAP) == ((bits, symmetric) == (2, True))
    for overlap in range(-3, 7):
        rows = dsp48.rows_per_dsp(bits, offset + overlap, symmetric)
        assert rows == (2 if overlap <= min(dsp48.MOST_OVERLAP, room) else 1)


def borders(width, rng):
    """Sums of ``width`` bits: the ends, the middle, around every power of two, and any."""
    half = 1 << width - 1
    powers = [1 << power for power in range(width - 1)]
    near = [-half, half - 1, 0, -1, *powers, *(-p for p in powers), *(p - 1 for p in powers)]
    return [*near, *(-p - 1 for p in powers), *rng.integers(-half, half, 60).tolist()]


def pairs_of_sums(width, seed):
    """Lower and upper rows' sums: every corner with every other, then mixed."""
    rng = np.random.default_rng(seed)
    half = 1 << width - 1
    corners = [-half, -half + 1, -1, 0, 1, half - 1]
    low, high = borders(width, rng), borders(width, rng)
    rng.shuffle(high)
    return [*itertools.product(corners, corners), *zip(low, high, strict=True)]


@pytest.mark.parametrize(("bits", "symmetric"), PACKINGS)
@pytest.mark.parametrize("spare", [0, 1, 5])
def test_rows_are_told_apart_below_the_offset(bits, symmetric, spare):
    offset = dsp48.packing_offset(bits, symmetric)
    width = offset - spare
    source = Signal(signed(offset + width + 1))
    apart = dsp48.separate(source, offset, width)
    sums = pairs_of_sums(width, bits)
    packed = [dsp48.packed_model(lower, upper, offset) for lower, upper in sums]
    assert [tuple(dsp48.separate_model(value, offset, width)) for value in packed] == sums
    found = run(Module(), [[(source, value)] for value in packed], apart)
    assert [tuple(pair) for pair in found] == sums


@pytest.mark.parametrize("overlap", range(1, dsp48.MOST_OVERLAP + 1))
@pytest.mark.parametrize(("bits", "symmetric"), [(2, False), (3, True), (5, True), (8, False)])
def test_overlapping_rows_are_told_apart(bits, symmetric, overlap):
    offset = dsp48.packing_offset(bits, symmetric)
    width = offset + overlap
    source, upper = Signal(signed(offset + width)), Signal(overlap)
    reach = dsp48.borrowed(source, upper, offset)
    apart = dsp48.separate_overlapping(source, reach, offset, width)
    sums, inputs, reaches = pairs_of_sums(width, bits), [], []
    for lower, high in sums:
        # As the hardware has it: the end of the raw sum wraps.
        packed = dsp48.wrapped(dsp48.packed_model(lower, high, offset), offset + width)
        modulo = high % (1 << overlap)
        inputs.append([(source, packed), (upper, modulo)])
        reaches.append(dsp48.borrowed_model(packed, modulo, offset, overlap))
        model = dsp48.separate_overlapping_model(packed, reaches[-1], offset, width)
        assert tuple(model) == (lower, high)
    found = run(Module(), inputs, [reach, *apart])
    assert found == [[reach, *pair] for reach, pair in zip(reaches, sums, strict=True)]
    assert {*reaches} == {*range(-(1 << overlap - 1), 1 << overlap - 1)}


def test_a_negative_lower_row_borrows_one():
    offset = dsp48.packing_offset(8, False)
    packed = dsp48.packed_model(-1, 5, offset)
    assert packed >> offset == 4
    assert dsp48.separate_model(packed, offset, offset) == [-1, 5]
    assert dsp48.borrowed_model(packed, 5 % 4, offset, 2) == -1


def windows(bits, symmetric, rows, shape, seed):
    """Weights (words, rows) and activations (words,): corners, then any, of 1 to 5 words."""
    rng = np.random.default_rng(seed)
    low, top = least(bits, symmetric), (1 << bits - 1) - 1
    small, large = (-128, 127) if shape.signed else (0, 255)
    for weights in itertools.product((low, top, -1, 0), repeat=rows):
        for x in (small, large):
            words = 1 + (weights[0] == low)
            yield np.tile(weights, (words, 1)), np.full(words, x)
    for words in (1, 1, 5, 2, 1, 3):
        yield rng.integers(low, top + 1, (words, rows)), rng.integers(small, large + 1, words)


@pytest.mark.parametrize("shape", [unsigned(8), signed(8)], ids=["unsigned", "signed"])
@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("bits", BITS)
@pytest.mark.usefixtures("behavioural_models")
def test_windows_add_up_in_p(bits, rows, shape):
    symmetric = (bits + shape.signed) % 2 == 0
    offset = dsp48.packing_offset(bits, symmetric)
    m, first, x = Module(), Signal(), Signal(shape)
    weights = [Signal(signed(bits), name=f"w{row}") for row in range(rows)]
    m.submodules.dsp, operands, p = dsp48.multiply_accumulate(weights, x, offset, first)
    m.d.comb += operands
    expected, inputs, firsts = [], [], [0] * dsp48.OPMODE_DELAY
    for some, values in windows(bits, symmetric, rows, shape, bits):
        for at in range(len(values)):
            inputs.append([*zip(weights, some[at].tolist(), strict=True), (x, int(values[at]))])
            firsts.append(int(at == 0))
            # After every word, not only at the end: the sum so far.
            so_far = dsp48.multiply_accumulate_model(some[: at + 1], values[: at + 1], offset)
            expected.append(so_far % (1 << dsp48.P_BITS))
    inputs += [[]] * dsp48.LATENCY
    begins = itertools.chain(firsts, itertools.repeat(0))
    steps = [[*pairs, (first, next(begins))] for pairs in inputs]
    assert [value for (value,) in run(m, steps, [p])][dsp48.LATENCY :] == expected


A_BITS, B_BITS, C = dsp48.PREADDER_BITS - 1, 18, 1 << 33


def scaled_operands():
    """a, d and b: all ends of their ranges, and any."""
    rng = np.random.default_rng(3)
    a, b = 1 << A_BITS - 1, 1 << B_BITS - 1
    corners = itertools.product((-a, -1, 0, a - 1), (-a, 1, a - 1), (-b, -1, 0, 1, b - 1))
    random = zip(*(rng.integers(-top, top, 40).tolist() for top in (a, a, b)), strict=True)
    return [*corners, *random]


@pytest.mark.usefixtures("behavioural_models")
def test_sums_are_scaled_every_cycle():
    m, a, d, b = Module(), Signal(signed(A_BITS)), Signal(signed(A_BITS)), Signal(signed(B_BITS))
    m.submodules.dsp, operands, p = dsp48.add_multiply_add(a, d, b, C)
    m.d.comb += operands
    inputs = [[*zip((a, d, b), values, strict=True)] for values in scaled_operands()]
    found = run(m, [*inputs, *[[]] * dsp48.LATENCY], [p])[dsp48.LATENCY :]
    expected = [dsp48.add_multiply_add_model(a, d, b, C) for a, d, b in scaled_operands()]
    assert [unpacked(value, dsp48.P_BITS, 1)[0] for (value,) in found] == expected


class Both(wiring.Component):
    """DSP48E1s of each use beside their behavioural models: words of P's, a cycle a transfer."""

    def __init__(self, offset, bits):
        self._offset, self._bits = offset, bits
        super().__init__(
            {"i": In(lane_stream(6, 32)), "o": Out(lane_stream(4, signed(dsp48.P_BITS)))}
        )

    def elaborate(self, platform):
        m = Module()
        begins, lower, upper, a, d, b = self.i.payload
        weights = [lower[: self._bits].as_signed(), upper[: self._bits].as_signed()]
        first = [Signal(name=f"first{stage}") for stage in range(dsp48.OPMODE_DELAY + 1)]
        m.d.comb += first[0].eq(begins)
        m.d.sync += [after.eq(before) for before, after in itertools.pairwise(first)]
        for place, kind in enumerate((dsp48.Instance, BehaviouralInstance)):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(dsp48, "Instance", kind)
                sums = dsp48.multiply_accumulate(weights, b[:9], self._offset, first[-1])
                scaled = dsp48.add_multiply_add(
                    a[:A_BITS].as_signed(), d[:A_BITS].as_signed(), b[:B_BITS].as_signed(), C
                )
            for use, (instance, operands, p) in enumerate((sums, scaled)):
                m.submodules[f"dsp{place}_{use}"] = instance
                m.d.comb += [*operands, self.o.payload[2 * use + place].eq(p)]
        valid = Signal(dsp48.LATENCY)
        m.d.sync += valid.eq(valid << 1 | self.i.valid)
        m.d.comb += [self.i.ready.eq(1), self.o.valid.eq(valid[-1])]
        return m


def test_the_behavioural_model_does_what_the_vendors_model_does(tmp_path):
    bits, rng = 8, np.random.default_rng(5)
    offset = dsp48.packing_offset(bits, False)
    corners = itertools.cycle(itertools.product((-128, 127, -1, 0), repeat=2))
    transfers, expected = [], []
    for number, (a, d, b) in enumerate(scaled_operands()):
        lower, upper = next(corners) if number < 60 else rng.integers(-128, 128, 2).tolist()
        begins, x = int(number % 7 in (0, 1, 4)), b % 512
        if begins:
            total = 0
        total += dsp48.multiply_accumulate_model(np.array([[lower, upper]]), np.array([x]), offset)
        scaled = dsp48.add_multiply_add_model(a, d, b, C)
        transfers.append([value % (1 << 32) for value in (begins, lower, upper, a, d, b)])
        expected.append([total, total, scaled, scaled])
    bench = StreamBench(Both(offset, bits), "both", tmp_path, write=write_with_vendor_cells)
    bench.run({"i": [np.array(transfers)]}, {"o": [np.array(expected)]})
