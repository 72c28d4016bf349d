from dataclasses import replace

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from gen.compile import Request, compile_network
from gen.formats.deep_compression import CODEBOOK, load_compressed
from gen.ir.ops import FloatConv, SharedConv
from gen.ir.preprocessing import Normalisation
from gen.ir.widths import Width, Widths
from gen.quantise.calibrate import float_logits
from gen.quantise.post_training import _shared_codes, quantise
from tests.gen.quantise.test_post_training import SHARED
from tests.gen.test_cli import write_photos

FILE = SHARED / "models" / "compressed_SqueezeNet.net"
SHAPES = [(96, 3, 7)]
for squeeze, expand, channels in (
    (16, 64, 96), (16, 64, 128), (32, 128, 128), (32, 128, 256),
    (48, 192, 256), (48, 192, 384), (64, 256, 384), (64, 256, 512),
):  # fmt: skip
    SHAPES += [(squeeze, channels, 1), (expand, squeeze, 1), (expand, squeeze, 3)]
SHAPES.append((1000, 512, 1))


def encode(codes):
    """Stored codes and runs of zeros of one layer's codes, as the authors' encoder makes them."""
    stored, zeros, run = [], [], 0
    for code in codes.tolist():
        if code == 0 and run < 15:
            run += 1
            continue
        stored.append(code)
        zeros.append(run)
        run = 0
    if len(zeros) % 2:
        zeros.append(0)
    pairs = np.array(zeros, np.uint8)
    return np.array(stored, np.uint8), pairs[::2] | pairs[1::2] << 4


@pytest.fixture(scope="module")
def made():
    """A file of random weights with runs of zeros, and the weights and biases in it."""
    rng = np.random.default_rng(1)
    counts, parts, expected = [], [], []
    for cout, cin, kernel in SHAPES:
        codebook = rng.normal(0, 1 / np.sqrt(cin), CODEBOOK).astype("<f4")
        codebook[0] = 0
        bias = rng.normal(0, 0.1, cout).astype("<f4")
        codes = rng.integers(1, CODEBOOK, cout * cin * kernel**2)
        codes[rng.random(codes.size) < 0.7] = 0
        codes[100:140] = 0
        codes[-1] = 7
        stored, pairs = encode(codes)
        counts.append(len(stored))
        parts += [codebook, bias, stored, pairs]
        weights = codebook[codes].reshape(cout, cin, kernel, kernel)
        expected.append((weights.transpose(0, 2, 3, 1), bias))
    data = np.array(counts, "<u4").tobytes() + b"".join(part.tobytes() for part in parts)
    return data, expected


def test_weights_and_biases_come_back(made, tmp_path):
    path = tmp_path / "made.net"
    path.write_bytes(made[0])
    graph = load_compressed(path)
    convs = [op for op in graph.ops if isinstance(op, FloatConv)]
    for op, (weights, bias) in zip(convs, made[1], strict=True):
        np.testing.assert_array_equal(op.weights, weights)
        np.testing.assert_array_equal(op.bias, bias)
        assert isinstance(op, SharedConv)
        assert op.codes.dtype == np.uint8
        np.testing.assert_array_equal(op.values[op.codes], weights)
    assert graph.shapes()["conv10"] == (15, 15, 1000)
    assert graph.shapes()["fire8_concat"] == (27, 27, 512)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: b"", "ends after 0 bytes"),
        (lambda data: data[:-1], "in the middle of a layer"),
        (lambda data: data + b"x", "has 1 bytes too many"),
        (lambda data: b"\0\0\0\0" + data[4:], "stores 0 weights for conv1"),
        (lambda data: data[:104] + b"\0\0\x80\x3f" + data[108:], "no weights for conv1"),
        (lambda data: data[:108] + b"\xff" * 4 + data[112:], "no weights for conv1"),
        (lambda data: bytes(reversed(data)), "only SqueezeNet v1.0"),
    ],
)
def test_other_files_are_refused(made, tmp_path, change, message):
    path = tmp_path / "made.net"
    path.write_bytes(change(made[0]))
    with pytest.raises(FirebrickError, match=message):
        load_compressed(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(FirebrickError, match=r"none\.net: cannot read it"):
        load_compressed(tmp_path / "none.net")


def test_shared_weights_stay_shared_unless_widths_are_given(made, tmp_path):
    (tmp_path / "made.net").write_bytes(made[0])
    (tmp_path / "photos").mkdir()
    write_photos(tmp_path / "photos", 1)
    request = Request(tmp_path / "made.net", tmp_path / "photos")
    network = compile_network(request)
    for op, (weights, _) in zip(network.convs, made[1], strict=True):
        weights = weights[..., ::-1] if op.name == "conv1" else weights
        assert len(np.unique(op.weight_scale)) == 1
        for value in np.unique(weights)[::25]:
            assert len(np.unique(op.weights[weights == value])) == 1
        assert set(op.codebook) == set(op.weights.reshape(-1))
        assert not op.weights[weights == 0].any()
        assert op.code_bits <= op.weight_bits == 8
    narrow = Request(tmp_path / "made.net", tmp_path / "photos", Widths(Width(6)))
    network = compile_network(narrow)
    assert {op.weight_bits for op in network.convs} == {6}


def test_codes_are_kept_without_a_look_at_real_weights(made, tmp_path):
    path = tmp_path / "made.net"
    path.write_bytes(made[0])
    (op,) = (op for op in load_compressed(path).ops if op.name == "fire9_expand3x3")
    assert isinstance(op, SharedConv)
    blind = replace(op, weights=np.zeros_like(op.weights))
    codes, scale = _shared_codes(blind, 8, np.zeros(len(op.weights)))
    assert np.abs(codes).max() == 127
    real = codes * scale[:, None, None, None]
    np.testing.assert_allclose(real, op.values[op.codes], atol=0.501 * scale[0])


def test_channels_that_share_weights_share_a_normalisation(made, tmp_path):
    path = tmp_path / "made.net"
    path.write_bytes(made[0])
    with pytest.raises(FirebrickError, match="conv1: its weights are shared by channels that"):
        load_compressed(path).fold_input(Normalisation.preset("imagenet"))
    halved = load_compressed(path).fold_input(Normalisation(std=(2.0, 2.0, 2.0)))
    np.testing.assert_array_equal(halved.ops[0].weights, made[1][0][0] / 2)


@pytest.mark.skipif(not FILE.is_file(), reason=f"no {FILE}")
def test_the_published_file():
    graph = load_compressed(FILE)
    convs = [op for op in graph.ops if isinstance(op, FloatConv)]
    nonzero = sum(int(np.count_nonzero(op.weights)) for op in convs)
    assert nonzero / sum(op.weights.size for op in convs) == pytest.approx(0.334, abs=0.001)
    normalisation = Normalisation.from_metadata(graph.metadata)
    rng = np.random.default_rng(2)
    frames = rng.integers(0, 256, (2, 227, 227, 3), dtype=np.uint8)
    network = quantise(graph, frames, normalisation=normalisation, rounding="shared")
    folded = graph.fold_input(normalisation)
    for op in network.convs:
        assert len(op.codebook) <= CODEBOOK
        (real,) = (conv.weights for conv in folded.ops if conv.name == op.name)
        order = np.argsort(real, axis=None)
        assert np.all(np.diff(op.weights.reshape(-1)[order].astype(int)) >= 0)
        assert not op.weights[real == 0].any()
    assert np.isfinite(float_logits(graph.fold_input(normalisation), frames)).all()
