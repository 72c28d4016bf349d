"""Network files that are damaged or forged are refused in our own words, or hold a network.

``tests/gen/formats/test_fbz.py`` does the same for the compressed format.
"""

import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gen.common.errors import FirebrickError
from gen.formats.deep_compression import load_compressed
from gen.formats.family import Family
from gen.formats.onnx_float import load_onnx
from gen.formats.qdq_export import to_qdq
from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork, flatten
from gen.ir.network_file import load_network
from gen.ir.ops import FloatConv
from tests.damage import changed, damaged
from tests.gen.formats.test_deep_compression import made  # noqa: F401 (a fixture)
from tests.gen.onnx_models import squeezenet
from tests.graphs import GRAPHS
from tests.graphs import model as graph_model
from tests.networks import tiny_network

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
HEADER, ARRAYS = flatten(tiny_network(2, weight_bits=5, code_bits=3))
GRAPH_FILES = [flatten(GRAPHS[name]()) for name in ("inception", "depthwise", "padded_pool")]
"""Headers and arrays with what only the third format has."""
ONNX = squeezenet().SerializeToString()
GRAPH_MODELS = [
    model.SerializeToString()
    for model in (
        graph_model("inception"), graph_model("depthwise"), graph_model("fc_global"),
        to_qdq(GRAPHS["average_pool"]()), to_qdq(GRAPHS["fc_head"]()),
    )
]  # fmt: skip
FAMILY = Family(base_e=2, incr_e=0, sr=0.5, classes=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


def read(path, reader):
    """What the reader makes of it; None if it refuses it as it should."""
    message = f"{path}"
    found = None
    try:
        found = reader(path)
    except FirebrickError as error:
        message = str(error)
    assert message.startswith(str(path))
    assert "\n" not in message
    return found


def npz(header, arrays) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("network.json", json.dumps(header))
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.save(entry, array)
            archive.writestr(f"{name}.npy", entry.getvalue())
    return buffer.getvalue()


GOOD = npz(HEADER, ARRAYS)


def check_network_file(path) -> None:
    network = read(path, load_network)
    assert network is None or len(network.digest) == 8


@FUZZ
@given(damaged(GOOD) | st.binary(max_size=100))
def test_damaged_network_files(folder, data):
    (folder / "a.npz").write_bytes(data)
    check_network_file(folder / "a.npz")


@FUZZ
@given(changed(HEADER))
def test_network_files_with_another_header(folder, header):
    (folder / "b.npz").write_bytes(npz(header, ARRAYS))
    check_network_file(folder / "b.npz")


@FUZZ
@given(
    st.sampled_from(GRAPH_FILES).flatmap(lambda file: st.tuples(changed(file[0]), st.just(file[1])))
)
def test_network_files_of_graphs_with_another_header(folder, file):
    (folder / "g.npz").write_bytes(npz(*file))
    check_network_file(folder / "g.npz")


@FUZZ
@given(
    st.sampled_from(sorted(ARRAYS)),
    st.sampled_from(["<i1", "<i4", "<i8", "<u1", "<f4", "<f8", "<c8", "?", "<U3", "<M8[s]"]),
    st.lists(st.integers(0, 9), max_size=4),
)
def test_network_files_with_another_array(folder, name, dtype, shape):
    (folder / "c.npz").write_bytes(npz(HEADER, {**ARRAYS, name: np.zeros(shape, dtype)}))
    check_network_file(folder / "c.npz")


@settings(FUZZ, max_examples=40)
@given(data=st.data())
def test_damaged_deep_compression_files(made, folder, data):  # noqa: F811
    # Most of a file are weights, of which each is as good as another; the counts come first.
    good = made[0][:2000] if data.draw(st.booleans()) else made[0]
    spoilt = data.draw(damaged(good)) + made[0][len(good) :]
    (folder / "d.net").write_bytes(spoilt)
    graph = read(folder / "d.net", load_compressed)
    if graph is not None:
        convs = [op for op in graph.ops if isinstance(op, FloatConv)]
        assert all(np.isfinite(op.weights).all() and np.isfinite(op.bias).all() for op in convs)


@FUZZ
@given(damaged(ONNX) | damaged(ONNX[-3000:]) | st.binary(max_size=100))
def test_damaged_onnx_files(folder, data):
    (folder / "e.onnx").write_bytes(data)
    graph = read(folder / "e.onnx", load_onnx)
    assert graph is None or isinstance(graph, FloatGraph | QuantizedNetwork)


@FUZZ
@given(st.sampled_from(GRAPH_MODELS).flatmap(damaged))
def test_damaged_onnx_files_of_graphs(folder, data):
    (folder / "h.onnx").write_bytes(data)
    graph = read(folder / "h.onnx", load_onnx)
    assert graph is None or isinstance(graph, FloatGraph | QuantizedNetwork)


def weights_file() -> bytes:
    """Weights of ``FAMILY``: zeros, so that headers are a good part of the file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for op in FAMILY.graph().ops:
            if isinstance(op, FloatConv):
                for name, array in (("weights", op.weights), ("bias", op.bias)):
                    with archive.open(f"{op.name}.{name}.npy", "w") as entry:
                        np.save(entry, np.zeros_like(array))
    return buffer.getvalue()


@FUZZ
@given(damaged(weights_file()) | st.binary(max_size=100))
def test_damaged_weights_of_a_family(folder, data):
    (folder / "f.npz").write_bytes(data)
    graph = read(folder / "f.npz", FAMILY.graph)
    assert graph is None or graph.shapes()["conv10"][2] == 2
