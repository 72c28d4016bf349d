"""The whole accelerator of a small network: every tensor equals the golden model's."""

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import signed, unsigned

from boards.board import Board, Resources
from gen.backend.assemble import Accelerator
from gen.backend.names import stream_paths
from gen.ir.ops import GlobalSum
from gen.nodes.contents import contents_layout
from gen.nodes.graph import Graph
from gen.plan.planner import plan
from hw.stream.lane_stream import lane_stream
from sim import golden
from tests.harness import Monitor, StreamBench
from tests.hw.loaded import Loaded, load_words
from tests.networks import NetworkBuilder, other_contents, random_frames, tiny_network, updatable


def small_board(dsp: int) -> Board:
    return Board(
        name="small",
        title="A small board",
        part="none",
        loader="none",
        idcode=1,
        resources=Resources(lut=20_000, ff=40_000, dsp=dsp, bram36=40),
        clock_hz=100_000_000,
        baud=1_000_000,
        platform=lambda: None,
    )


def inner_paths(network):
    paths = stream_paths(Graph.of(network)).items()
    return {path: name for name, path in paths if not isinstance(network.op(name), GlobalSum)}


def monitors(network, design, tensors):
    watched = {}
    for path, name in inner_paths(network).items():
        shape = signed(8) if network.tensors[name].signed else unsigned(8)
        watched[path] = Monitor(lane_stream(design.nodes[name].lanes, shape), tensors[name])
    return watched


NETWORKS = {
    "8 bits": tiny_network(1),
    "3-bit codes": tiny_network(2, weight_bits=5, code_bits=3),
}


@pytest.fixture(scope="module", params=NETWORKS)
def design(request, tmp_path_factory):
    network = NETWORKS[request.param]
    # Not the fastest: at 360 cycles a byte would have to come in every single one.
    planned = plan(network, small_board(dsp=40), fps=200_000)
    bench = StreamBench(
        Accelerator(network, planned),
        "accelerator",
        tmp_path_factory.mktemp("tiny"),
        monitored=inner_paths(network),
    )
    return network, planned, bench


@pytest.mark.parametrize(("seed", "stalls"), [(1, 0.3), (2, {"i": 0.7}), (3, {"o": 0.9})])
def test_every_tensor_under_stalls(design, seed, stalls):
    network, planned, bench = design
    frames = random_frames(network, 4, seed)
    tensors = golden.run(network, frames)
    watched = monitors(network, planned, tensors)
    assert len(watched) == len(network.ops) - 1
    sums = tensors[network.ops[-1].name]
    bench.run({"i": frames}, {"o": sums}, stalls=stalls, seed=seed, monitors=watched)


def test_cycles_are_as_planned(design):
    network, planned, bench = design
    frames = random_frames(network, 6)
    result = bench.run({"i": frames}, {"o": golden.class_sums(network, frames)})
    assert result.period("o") == pytest.approx(planned.cycles, rel=0.01)


def test_names_that_come_out_alike_make_modules_of_their_own():
    builder = NetworkBuilder((6, 6, 3), 1)
    x = "input"
    for name in ("a/b", "a.b", "a_b_2", "12", "class_sums", "//"):
        x = builder.conv(name, x, 4, 1)
    network = builder.finish("alike", x)
    paths = [path.split(".")[0] for path in stream_paths(Graph.of(network)).values()]
    modules = ["a_b", "a_b_2", "a_b_2_2", "layer_12", "class_sums_2", "layer", "sums"]
    assert paths == modules
    text = rtlil.convert(Accelerator(network, plan(network, small_board(dsp=60))), name="alike")
    for module in modules:
        assert f"module \\alike.{module}\n" in text


def test_output_is_sign_extended(tmp_path):
    builder = NetworkBuilder((4, 4, 3), 2)
    x = builder.conv("conv10", "input", 3, 1, signed=True)
    network = builder.finish("signed", x)
    frames = random_frames(network, 3)
    sums = golden.class_sums(network, frames)
    assert np.any(sums < 0)
    bench = StreamBench(
        Accelerator(network, plan(network, small_board(dsp=20))), "signed", tmp_path
    )
    bench.run({"i": frames}, {"o": sums}, stalls=0.2)


def test_other_contents_in_a_whole_accelerator(tmp_path):
    network = updatable(tiny_network(2, weight_bits=5, code_bits=3), margin=1)
    other = other_contents(network, 7)
    planned = plan(network, small_board(dsp=60), fps=100_000)
    layout = contents_layout(network, planned.nodes)
    assert {layer for layer, _ in layout.memories} == {op.name for op in network.convs}
    words = np.array(load_words(layout.images(other.convs)), dtype=np.object_)
    bench = StreamBench(Loaded(Accelerator(network, planned), len(words)), "loaded", tmp_path)
    frames = random_frames(network, 3)
    sums = golden.run(other, frames)[other.output.name]
    bench.run({"load": [words], "i": frames}, {"o": sums.reshape(3, -1)}, stalls={"o": 0.2})
