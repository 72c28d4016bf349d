import inspect
import itertools
from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Module, Mux, Signal, signed, unsigned

from hw.layers.window import WindowBuffer
from hw.layers.window_geometry import WindowGeometry
from tests.harness import StreamBench, bench_group
from tests.harness.waves import trace

LANES = 2

CASES = {  # geometry, tap
    "3x3": (WindowGeometry(6, 7, chunks=2, kernel=3, stride=1, folds=2), (1, 1)),
    "3x3 stride 2": (WindowGeometry(8, 9, chunks=1, kernel=3, stride=2, folds=3), (0, 0)),
    "1x1": (WindowGeometry(3, 4, chunks=3, kernel=1, stride=1, folds=2), (0, 0)),
    "1x1, one word": (WindowGeometry(3, 4, chunks=1, kernel=1, stride=1, folds=1), (0, 0)),
    "7x7 stride 2, columns left over": (
        WindowGeometry(10, 12, chunks=2, kernel=7, stride=2, folds=1),
        (6, 6),
    ),
    "2x2 stride 2": (WindowGeometry(5, 5, chunks=1, kernel=2, stride=2, folds=1), (0, 1)),
    "1x1 stride 3": (WindowGeometry(7, 5, chunks=2, kernel=1, stride=3, folds=1), None),
    "1x3": (WindowGeometry(4, 6, chunks=2, kernel=(1, 3), stride=1, folds=2), (0, 2)),
    "3x1 stride 2": (WindowGeometry(7, 4, chunks=2, kernel=(3, 1), stride=2, folds=1), (2, 0)),
    "5x5 with a tap off its centre": (
        WindowGeometry(7, 6, chunks=1, kernel=5, stride=1, folds=2),
        (3, 1),
    ),
    "the whole map": (WindowGeometry(3, 4, chunks=2, kernel=(3, 4), stride=1, folds=3), None),
    "3x3 channelwise": (
        WindowGeometry(6, 5, chunks=3, kernel=3, stride=1, channelwise=True),
        (1, 1),
    ),
    "3x2 channelwise, stride 2": (
        WindowGeometry(7, 7, chunks=2, kernel=(3, 2), stride=2, channelwise=True),
        (2, 0),
    ),
    "1x3 channelwise, one chunk": (
        WindowGeometry(3, 6, chunks=1, kernel=(1, 3), stride=1, channelwise=True),
        None,
    ),
    "1x1 channelwise": (WindowGeometry(3, 4, 2, kernel=1, stride=1, channelwise=True), (0, 0)),
}


SPARE = ("least", "most")


def make(case, spare):
    geometry, tap = CASES[case]
    capacity = geometry.span + (max(geometry.longest_step, 3) if spare == "most" else 0)
    return WindowBuffer(
        geometry,
        lanes=LANES,
        shape=unsigned(8),
        capacity=capacity,
        kind="block" if spare == "most" else "lut",
        tap=tap,
    )


buffers = bench_group(make, itertools.product(CASES, SPARE))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("spare", SPARE)
def test_windows(case, spare, buffers):
    geometry, tap = CASES[case]
    bench = buffers[case, spare]
    rng = np.random.default_rng(7)
    frames = rng.integers(0, 256, (3, geometry.height, geometry.width, geometry.chunks, LANES))
    expected = {"o": [geometry.model(frame) for frame in frames]}
    if tap is not None:
        expected["o_tap"] = [geometry.tap_model(frame, tap) for frame in frames]
    for seed, stalls in enumerate((0.4, {"i": 0.7}, {"o": 0.7}, {"o_tap": 0.8}, 0.0)):
        result = bench.run({"i": frames}, expected, stalls=stalls, seed=seed)
    if spare == "most":
        # With nothing stalled, the slower side never pauses once the first window is complete.
        words = geometry.height * geometry.width * geometry.chunks
        assert result.period("o") == max(words, len(expected["o"][0]))


def test_signed_lanes_keep_their_bits(tmp_path):
    geometry, _ = CASES["1x1"]
    buffer = WindowBuffer(geometry, lanes=3, shape=signed(8), capacity=12)
    frames = np.random.default_rng(1).integers(-128, 128, (2, 3, 4, 3, 3))
    bench = StreamBench(buffer, "window", tmp_path)
    bench.run({"i": frames}, {"o": [geometry.model(f) for f in frames]}, stalls=0.2)


def test_model_is_the_definition_of_a_window():
    geometry = WindowGeometry(4, 5, chunks=1, kernel=3, stride=1, folds=2)
    frame = np.arange(20).reshape(4, 5, 1, 1)
    words = geometry.model(frame).ravel()
    assert words[:9].tolist() == [0, 1, 2, 5, 6, 7, 10, 11, 12]
    assert words[9:18].tolist() == words[:9].tolist()
    assert len(words) == 2 * 3 * 2 * 9


def test_models_of_rectangular_windows_and_of_taps():
    geometry = WindowGeometry(3, 5, chunks=2, kernel=(2, 3), stride=2)
    frame = np.arange(30).reshape(3, 5, 2, 1)
    first = [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]
    assert geometry.model(frame).ravel().tolist() == first + [word + 4 for word in first]
    assert geometry.tap_model(frame, (1, 2)).ravel().tolist() == [14, 15, 18, 19]
    channelwise = replace(geometry, channelwise=True)
    first = [0, 2, 4, 10, 12, 14, 1, 3, 5, 11, 13, 15]
    assert channelwise.model(frame).ravel().tolist() == first + [word + 4 for word in first]


def test_refuses_what_cannot_work():
    geometry, _ = CASES["3x3"]
    with pytest.raises(ValueError, match="capacity 33 is below"):
        WindowBuffer(geometry, lanes=1, shape=unsigned(8), capacity=33)
    for tap in ((0, 3), (3, 0), (-1, 0)):
        with pytest.raises(ValueError, match=r"3 x 3 has no tap \("):
            WindowBuffer(geometry, lanes=1, shape=unsigned(8), capacity=34, tap=tap)
    for kernel in (3, (3, 1)):
        with pytest.raises(ValueError, match="smaller than the kernel"):
            WindowGeometry(2, 5, chunks=1, kernel=kernel, stride=1, folds=1)
    with pytest.raises(ValueError, match="channelwise once"):
        WindowGeometry(5, 5, chunks=1, kernel=3, stride=1, folds=2, channelwise=True)
    with pytest.raises(ValueError, match="must be positive"):
        WindowGeometry(5, 5, chunks=1, kernel=3, stride=0, folds=1)


EXAMPLE, PLACES = WindowGeometry(3, 4, chunks=1, kernel=2, stride=1, folds=1), 8


def simulated_example(folder, cycles):
    """What the example's ring, counters and address are: the lines of its table, and addresses."""
    m, row, column = Module(), Signal(8, init=1), Signal(8, init=1)
    m.submodules.window = buffer = WindowBuffer(
        EXAMPLE, lanes=1, shape=unsigned(8), capacity=PLACES
    )
    m.d.comb += [buffer.i.payload[0].eq(10 * row + column), buffer.i.valid.eq(1)]
    with m.If(buffer.i.ready):
        m.d.sync += [column.eq(Mux(column == 4, 1, column + 1)), row.eq(row + (column == 4))]
    waves = {
        name.removeprefix("window."): values
        for name, values in trace(m, [[(buffer.o.ready, 1)]] * cycles, folder).items()
    }
    lines = ["cycle   i  ring                     ahead  excess  address  move      o"]
    for cycle in range(cycles):
        now = {name: values[cycle] for name, values in waves.items()}
        ring = [now[f"ring.words[{place}]"] or "." for place in range(PLACES)]
        ahead, excess = (
            value - (value >> 4 << 5) for value in (now["order.arrivals.ahead"], now["excess"])
        )
        word = now["i__payload"] if now["i__ready"] else "."
        read = f"{now['o_address']:7}  {now['order.move']:7}" if now["o_valid"] else " " * 16
        out = now["o__payload"] if now["o__valid"] else "."
        places = " ".join(f"{place:>2}" for place in ring)
        lines.append(f"{cycle:5}  {word:>2}  {places}  {ahead:5}  {excess:6}  {read}  {out:>2}")
    return lines, waves


def test_the_worked_example_is_what_happens(tmp_path):
    lines, _ = simulated_example(tmp_path, 40)
    text = [line[4:] for line in inspect.getdoc(WindowBuffer).splitlines()]
    start, end = text.index(lines[0]), text.index("", text.index(lines[0]))
    skipped = "..."
    assert text[start:end] == [
        *(lines[0], *lines[5:16], skipped),
        *(*lines[19:24], skipped),
        *lines[31:35],
    ], "\n".join(lines)


def test_the_worked_example_names_its_steps(tmp_path):
    assert (EXAMPLE.span, EXAMPLE.column_step, EXAMPLE.row_step, EXAMPLE.frame_step) == (6, 1, 2, 6)
    _, waves = simulated_example(tmp_path, 80)
    reads = [cycle for cycle, valid in enumerate(waves["o_valid"]) if valid]
    steps = {
        (waves["order.move"][now], (waves["o_address"][later] - waves["o_address"][now]) % PLACES)
        for now, later in itertools.pairwise(reads)
    }
    named = {"WORD": 1, "TAP_ROW": 3, "COLUMN": -4, "ROW": -3, "FRAME": 1}
    assert steps == {(move, step % PLACES) for move, step in named.items()}
