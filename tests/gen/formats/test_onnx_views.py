import pytest

from gen.formats.onnx_views import View

MAP = View.of("x", (4, 5, 3))
PIXEL = View.of("x", (1, 1, 6))


def test_maps_as_they_are():
    assert MAP.shape == (1, 3, 4, 5)
    assert MAP.axes == (("C", 3), ("H", 4), ("W", 5))
    assert MAP.layout == "NCHW"
    last = View.of("x", (4, 5, 3), batch=2, layout="NHWC")
    assert (last.shape, last.layout) == ((2, 4, 5, 3), "NHWC")
    assert View.of("x", (1, 1, 6), layout="NC").layout == "NC"
    assert dict(last.sizes) == {"N": 2, "H": 4, "W": 5, "C": 3}


def test_transposes_change_the_order_and_back():
    last = MAP.transposed((0, 2, 3, 1))
    assert last == View.of("x", (4, 5, 3), layout="NHWC")
    assert last.transposed((0, 3, 1, 2)) == MAP
    turned = MAP.transposed((0, 1, 3, 2))
    assert turned.layout is None
    assert turned.runs() == ("", "C", "W", "H")


@pytest.mark.parametrize(("shape", "runs"), [
    ((1, 60), ("", "CHW")), ((3, 20), ("C", "HW")), ((12, 5), ("CH", "W")),
    ((1, 1, 3, 4, 5), ("", "", "C", "H", "W")), ((60,), ("CHW",)),
])  # fmt: skip
def test_shapes_that_keep_axes_whole(shape, runs):
    made = MAP.reshaped(shape)
    assert made is not None
    assert made.runs() == runs
    assert made.reshaped((1, 3, 4, 5)) == MAP


@pytest.mark.parametrize("shape", [(6, 10), (1, 61), (2, 30), (3, 2, 10)])
def test_shapes_that_split_an_axis(shape):
    assert MAP.reshaped(shape) is None


@pytest.mark.parametrize(("view", "features"), [
    (MAP, None),
    (MAP.transposed((0, 2, 3, 1)), "C"),
    (MAP.reshaped((1, 60)), "CHW"),
    (MAP.transposed((0, 2, 3, 1)).reshaped((1, 60)), "HWC"),
    (MAP.transposed((0, 2, 3, 1)).reshaped((20, 3)), "C"),
    (MAP.reshaped((3, 20)), None),
    (View.of("x", (4, 5, 3), batch=2).reshaped((2, 60)), "CHW"),
    (View.of("x", (4, 5, 3), batch=2).reshaped((120,)), None),
    (PIXEL, None),
    (PIXEL.reshaped((1, 6)), "C"),
    (View.of("x", (4, 5, 1)).reshaped((1, 20)), "HW"),
])  # fmt: skip
def test_what_a_fully_connected_layer_weighs(view, features):
    assert view.features() == features


def test_what_a_fully_connected_layer_gives():
    flat = MAP.reshaped((1, 60))
    assert flat is not None
    assert flat.with_features("y", 7) == View("y", (("C", 7),), (1, 7))
    assert flat.with_features("y", 1) == View("y", (), (1, 1))
    pixels = MAP.transposed((0, 2, 3, 1)).with_features("y", 7)
    assert pixels == View.of("y", (4, 5, 7), layout="NHWC")


def test_means_over_dimensions():
    assert MAP.averaged("m", [2, 3], True) == View.of("m", (1, 1, 3))
    assert MAP.averaged("m", [2, 3], False) == View.of("m", (1, 1, 3), layout="NC")
    last = MAP.transposed((0, 2, 3, 1))
    assert last.averaged("m", [1, 2], True).shape == (1, 1, 1, 3)
