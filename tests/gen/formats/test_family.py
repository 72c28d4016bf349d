import numpy as np
import pytest

from gen.common.errors import FirebrickError
from gen.formats.deep_compression import FIRES as DEEP_COMPRESSION_FIRES
from gen.formats.deep_compression import POOL_BEHIND as DEEP_COMPRESSION_POOLS
from gen.formats.family import SMALLEST, Family
from gen.formats.read import read_model
from gen.ir.ops import FloatAdd, FloatConv, MaxPool
from gen.ir.preprocessing import Normalisation
from gen.nodes.outline import check_hardware
from gen.quantise.calibrate import run_float

TINY = "size=64,classes=5,base_e=16,incr_e=8"


def convs(graph):
    return {op.name: op for op in graph.ops if isinstance(op, FloatConv)}


def adds(graph):
    return {op.name: op.inputs for op in graph.ops if isinstance(op, FloatAdd)}


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("base_e=128", 1_248_424),  # SqueezeNet v1.0
        ("base_e=128,incr_e=128,pct_3x3=0.5,freq=2,sr=0.125", 1_248_424),
        ("bypass=simple", 1_248_424),
        ("bypass=complex", 1_589_672),
        ("sr=0.25", 1_967_080),
        ("sr=0.5", 3_404_392),
        ("sr=0.75", 4_841_704),
        ("sr=1", 6_279_016),
        ("sr=0.5,pct_3x3=0.01", 1_478_248),
        ("sr=0.5,pct_3x3=0.25", 2_421_352),
        ("sr=0.5,pct_3x3=0.75", 4_387_432),
        ("sr=0.5,pct_3x3=0.99", 5_330_536),
        ("classes=10", 1_248_424 - 990 * 513),
    ],
)
def test_parameters_are_counted_with_biases(text, parameters):
    member = Family.parse(text)
    assert member.parameters == parameters
    assert member.float_bytes == 4 * parameters
    graph = member.graph()
    assert sum(op.weights.size + op.bias.size for op in convs(graph).values()) == parameters


def test_the_defaults_are_squeezenet():
    member = Family()
    assert (member.name, Family.parse("sr=0.125")) == ("squeezenet", member)
    graph = member.graph()
    layers = convs(graph)
    for number, (squeeze, expand) in enumerate(DEEP_COMPRESSION_FIRES, start=2):
        assert layers[f"fire{number}_squeeze1x1"].weights.shape[0] == squeeze
        assert layers[f"fire{number}_expand1x1"].weights.shape[0] == expand
        assert layers[f"fire{number}_expand3x3"].weights.shape == (expand, 3, 3, squeeze)
    first, shapes = layers["conv1"], graph.shapes()
    assert (first.weights.shape, first.stride, first.pad) == ((96, 7, 7, 3), 2, (0, 0, 0, 0))
    pools = [op for op in graph.ops if isinstance(op, MaxPool)]
    assert [op.inputs[0] for op in pools] == [
        "conv1", *(f"{fire}_concat" for fire in DEEP_COMPRESSION_POOLS)
    ]  # fmt: skip
    assert {(op.kernel, op.stride, op.ceil) for op in pools} == {(3, 2, True)}
    assert shapes["conv10"] == (13, 13, 1000)  # the paper's table 1
    assert graph.ops[-1].name == "pool10"
    assert all(op.relu for op in layers.values())
    assert not adds(graph)
    check_hardware(graph)


def test_macs_are_those_of_all_pixels():
    # conv1: 3 x 7 x 7 inputs for each of 12 x 12 x 96 outputs, and so on, counted by hand
    member = Family(base_e=8, incr_e=0, sr=0.25, size=SMALLEST, classes=2)
    fires = 6 * 6 * (96 * 2 + 2 * 4 + 9 * 2 * 4) + 2 * 6 * 6 * (8 * 2 + 2 * 4 + 9 * 2 * 4)
    fires += 4 * 3 * 3 * (8 * 2 + 2 * 4 + 9 * 2 * 4) + (8 * 2 + 2 * 4 + 9 * 2 * 4)
    assert member.macs == 12 * 12 * 96 * 147 + fires + 8 * 2


@pytest.mark.parametrize(
    ("text", "channels"),
    [
        ("base_e=10,incr_e=3,freq=3,sr=0.25", [10, 10, 10, 13, 13, 13, 16, 16]),
        ("base_e=10,incr_e=1,freq=1,sr=0.25", [10, 11, 12, 13, 14, 15, 16, 17]),
        ("base_e=10,incr_e=5,freq=9,sr=0.25", [10] * 8),
    ],
)
def test_channels_grow_every_freq_modules(text, channels):
    layers = convs(Family.parse(text).graph())
    for number, expand in enumerate(channels, start=2):
        parts = [len(layers[f"fire{number}_{what}"].bias) for what in ("expand1x1", "expand3x3")]
        assert sum(parts) == expand


@pytest.mark.parametrize(
    ("keys", "squeeze", "one", "three"),
    [
        ("sr=0.25,pct_3x3=0.5", 3, 5, 5),  # 2.5 is rounded up
        ("sr=0.24,pct_3x3=0.54", 2, 5, 5),
        ("sr=0.35,pct_3x3=0.55", 4, 4, 6),  # halves of the decimals, not of floats nearby
        ("sr=1,pct_3x3=0.1", 10, 9, 1),
    ],
)
def test_parts_are_rounded_with_halves_up(keys, squeeze, one, three):
    layers = convs(Family.parse(f"base_e=10,incr_e=0,{keys}").graph())
    names = ("fire5_squeeze1x1", "fire5_expand1x1", "fire5_expand3x3")
    assert [len(layers[name].bias) for name in names] == [squeeze, one, three]


def test_a_simple_bypass_is_where_channels_stay():
    graph = Family.parse("bypass=simple").graph()
    assert adds(graph) == {
        "fire3_add": ("fire2_concat", "fire3_concat"),
        "fire5_add": ("pool4", "fire5_concat"),
        "fire7_add": ("fire6_concat", "fire7_concat"),
        "fire9_add": ("pool8", "fire9_concat"),
    }
    check_hardware(graph)
    other = Family.parse(f"{TINY},freq=4,bypass=simple").graph()
    assert [name[4] for name in adds(other)] == ["3", "4", "5", "7", "8", "9"]
    check_hardware(other)


def test_a_complex_bypass_has_convolutions_where_they_change():
    graph = Family.parse("bypass=complex").graph()
    assert set(adds(graph)) == {f"fire{number}_add" for number in range(2, 10)}
    around = {name: op for name, op in convs(graph).items() if name.endswith("_bypass1x1")}
    assert {name: op.weights.shape for name, op in around.items()} == {
        "fire2_bypass1x1": (128, 1, 1, 96),
        "fire4_bypass1x1": (256, 1, 1, 128),
        "fire6_bypass1x1": (384, 1, 1, 256),
        "fire8_bypass1x1": (512, 1, 1, 384),
    }
    assert not any(op.relu for op in around.values())
    assert adds(graph)["fire4_add"] == ("fire4_bypass1x1", "fire4_concat")
    assert adds(graph)["fire5_add"] == ("pool4", "fire5_concat")
    check_hardware(graph)


@pytest.mark.parametrize("bypass", ["none", "simple", "complex"])
def test_random_weights_keep_the_activations_size(bypass):
    graph = Family.parse(f"{TINY},sr=0.5,bypass={bypass}").graph(seed=3)
    graph = graph.fold_input(Normalisation.preset("imagenet"))
    frames = np.random.default_rng(1).integers(0, 256, (4, 64, 64, 3), np.uint8)
    for op, values in run_float(graph, frames):
        assert 0.1 < np.sqrt(np.mean(np.square(values))) < 100, op.name


def test_the_seed_alone_says_what_is_drawn():
    member = Family.parse(TINY)
    first, again, other = (convs(member.graph(seed=seed)) for seed in (1, 1, 2))
    for name, op in first.items():
        np.testing.assert_array_equal(op.weights, again[name].weights)
        assert not np.array_equal(op.weights, other[name].weights)
        assert op.weights.dtype == op.bias.dtype == np.float32


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--family '': write KEY=VALUE, several with commas; keys are base_e, incr_e"),
        ("base_e", "--family 'base_e': write KEY=VALUE"),
        ("sr=0.5,", "--family '': write KEY=VALUE"),
        ("width=3", "--family width=3: no key 'width'; keys are base_e, incr_e, pct_3x3, freq, sr"),
        ("sr=0.5,freq=2,sr=0.5", "--family sr=0.5: sr is given twice"),
        ("base_e=many", "--family base_e=many: base_e takes a whole number from 1 to 65536"),
        ("base_e=128.5", "base_e=128.5: base_e takes a whole number"),
        ("base_e=0", "base_e=0: base_e takes a whole number from 1"),
        ("incr_e=-1", "incr_e=-1: incr_e takes a whole number from 0"),
        ("freq=0", "freq=0: freq takes a whole number from 1 up"),
        ("sr=0", "sr=0.0: sr takes a number above 0, at most 1"),
        ("sr=nan", "sr=nan: sr takes a number"),
        ("sr=1.01", "sr=1.01: sr takes a number"),
        ("pct_3x3=", "pct_3x3=: pct_3x3 takes a number"),
        ("pct_3x3=inf", "pct_3x3=inf: pct_3x3 takes a number"),
        ("bypass=both", "bypass=both: bypass takes none, simple or complex"),
        (f"size={SMALLEST - 1}", f"size={SMALLEST - 1}: size takes a whole number from {SMALLEST}"),
        ("size=5000", "size=5000: size takes a whole number from 29 to 4096"),
        ("classes=0", "classes=0: classes takes a whole number"),
        ("sr=0.003", "sr=0.003: leaves fire2_squeeze1x1 no channel of 128"),
        ("pct_3x3=0.001", "pct_3x3=0.001: leaves fire2_expand3x3 no channel of 128"),
        ("pct_3x3=1", "pct_3x3=1.0: leaves fire2_expand1x1 no channel of 128"),
        ("freq=1,bypass=simple", "bypass=simple: no Fire module has as many channels"),
        ("base_e=60000", "parameters; 268435456 are allowed"),
    ],
)
def test_what_is_not_understood_is_refused(text, message):
    with pytest.raises(FirebrickError) as refused:
        Family.parse(text)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"base_e": "4"}, "base_e=4: base_e takes a whole number"),
        ({"base_e": 1.5}, "base_e=1.5: base_e takes a whole number"),
        ({"sr": 2}, "sr=2: sr takes a number above 0"),
        ({"bypass": None}, "bypass=None: bypass takes none, simple or complex"),
    ],
)
def test_fields_are_checked_without_text_too(fields, message):
    with pytest.raises(FirebrickError, match=message):
        Family(**fields)


def test_the_smallest_input_leaves_whole_windows():
    shapes = Family(size=SMALLEST).graph().shapes()
    assert shapes["fire8_concat"][:2] == (3, 3)
    assert shapes["pool8"][:2] == (1, 1)


@pytest.fixture
def weights():
    rng = np.random.default_rng(4)
    return {
        f"{name}.{what}": rng.normal(size=getattr(op, what).shape)
        for name, op in convs(Family.parse(TINY).graph()).items()
        for what in ("weights", "bias")
    }


def test_weights_come_from_a_file(tmp_path, weights):
    path = tmp_path / "weights.npz"
    np.savez(path, **weights)
    graph = read_model(None, family=Family.parse(TINY), weights=path)
    for name, op in convs(graph).items():
        np.testing.assert_array_equal(op.weights, weights[f"{name}.weights"].astype(np.float32))
        np.testing.assert_array_equal(op.bias, weights[f"{name}.bias"].astype(np.float32))


def with_value(array, value):
    changed = array.copy()
    changed[0] = value
    return changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("conv1.bias"), "array 'conv1.bias' is missing"),
        (lambda w: w.update(conv11=np.zeros(3)), "array 'conv11' is of no layer of squeezenet("),
        (
            lambda w: w.update({"conv1.weights": w["conv1.weights"].transpose(0, 3, 1, 2)}),
            "array 'conv1.weights' has shape (96, 3, 7, 7), not (96, 7, 7, 3)",
        ),
        (
            lambda w: w.update({"conv10.bias": with_value(w["conv10.bias"], np.nan)}),
            "array 'conv10.bias' holds something other than finite numbers",
        ),
        (
            lambda w: w.update({"conv10.bias": with_value(w["conv10.bias"], 1e200)}),
            "array 'conv10.bias' holds something other than finite numbers",
        ),
        (
            lambda w: w.update({"conv10.bias": w["conv10.bias"].astype(complex)}),
            "array 'conv10.bias' is of complex128, not of real numbers",
        ),
        (
            lambda w: w.update({"conv10.bias": np.array([None] * 5)}),
            "no .npz file of weights",
        ),
    ],
)
def test_a_file_of_other_weights_is_refused(tmp_path, weights, change, message):
    change(weights)
    path = tmp_path / "weights.npz"
    np.savez(path, **weights)
    with pytest.raises(FirebrickError) as refused:
        Family.parse(TINY).graph(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert message in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 and no more", None])
def test_a_file_of_something_else_is_refused(tmp_path, content):
    path = tmp_path / "weights.npz"
    if content is None:
        np.save(tmp_path / "array.npy", np.zeros(3))
        content = (tmp_path / "array.npy").read_bytes()
    path.write_bytes(content)
    with pytest.raises(FirebrickError, match=r"weights.npz: no .npz file of weights \("):
        Family.parse(TINY).graph(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FirebrickError, match="cannot read weights"):
        Family.parse(TINY).graph(tmp_path / "none.npz")
    with pytest.raises(FirebrickError, match="cannot read weights"):
        Family.parse(TINY).graph(tmp_path)
