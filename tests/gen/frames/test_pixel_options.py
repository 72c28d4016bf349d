from dataclasses import replace

import pytest

from gen.common.errors import FirebrickError
from gen.frames.pixel_options import FrameOptions, PixelOptions
from gen.ir.graph import FloatGraph
from gen.ir.preprocessing import PRESETS, Normalisation, Preprocessing, default_preprocessing

USUAL = default_preprocessing(224, 224)
TORCHVISION = {"mean": "0.485,0.456,0.406", "std": "0.229,0.224,0.225"}


def graph(**metadata):
    return FloatGraph("net", (224, 224, 3), (), metadata)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (FrameOptions(), USUAL),
        (FrameOptions(crop=True), USUAL),
        (FrameOptions(crop=False), Preprocessing(224, (224, 224))),
        (FrameOptions("300"), Preprocessing(300, (224, 224))),
        (FrameOptions("stretch"), Preprocessing(224, (224, 224), stretch=True)),
        (PixelOptions(preprocess="cifar10"), Preprocessing(224, (224, 224))),
        (PixelOptions(preprocess="cifar10", crop=True), USUAL),
    ],
)
def test_how_photographs_become_frames(options, expected):
    if isinstance(options, PixelOptions):
        assert options.preprocessing(224, 224) == expected
    else:
        assert options.apply(USUAL) == expected
        assert options.apply(expected) == expected


def test_a_margin_may_be_cut_off_small_pictures_too():
    small = default_preprocessing(96, 96)
    assert small.resize == 96
    assert FrameOptions(crop=True).apply(small).resize == 96
    assert FrameOptions(crop=True).apply(default_preprocessing(120, 130)).resize == 128


@pytest.mark.parametrize("size", ["223", "0", "-1", "x", "224.0", "65536", ""])
def test_sizes_that_are_none_are_refused(size):
    with pytest.raises(FirebrickError, match=f"--resize {size}: give the pixels.*224 or more"):
        FrameOptions(size).apply(USUAL)


def test_two_sizes_are_refused():
    with pytest.raises(FirebrickError, match="leave one out"):
        FrameOptions("256", crop=False).apply(USUAL)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"mean": "0.485,0.456,0.406", "std": "0.229,0.224,0.225"}, PRESETS["imagenet"]),
        ({"mean": "127.5", "std": "127.5"}, PRESETS["tf"]),
        ({"mean": "0.5", "std": "0.5"}, PRESETS["tf"]),
        ({"scale": "1/255"}, PRESETS["unit"]),
        ({"scale": "1/255", "mean": "0.5", "std": "0.5"}, PRESETS["tf"]),
        ({"scale": "2/255", "mean": "1"}, PRESETS["tf"]),
        ({"mean": "104,117,123", "channel_order": "bgr"}, PRESETS["caffe"]),
        ({"preprocess": "tf"}, PRESETS["tf"]),
        ({"scale": "1"}, PRESETS["raw"]),
    ],
)
def test_what_is_said_goes_before_metadata(options, expected):
    found, told = PixelOptions(**options).normalisation(graph(mean="1,2,3", std="oops"))
    assert found.channel_order == expected.channel_order
    assert found.mean == pytest.approx(expected.mean)
    assert found.std == pytest.approx(expected.std)
    assert told == f"{found.described()}; given"


def test_what_is_not_said_is_the_models_or_assumed():
    found, told = PixelOptions(channel_order="BGR").normalisation(graph(**TORCHVISION))
    assert found == Normalisation(PRESETS["imagenet"].mean, PRESETS["imagenet"].std, "BGR")
    assert told.startswith("BGR, mean 123.675,116.28,103.53, deviation 58.395,57.12,57.375; as ")
    found, told = PixelOptions().normalisation(graph())
    assert found == PRESETS["imagenet"]
    assert told.endswith("imagenet, assumed; --preprocess, --mean to change")
    for white, preset in ((1.0, "unit"), (255.0, "raw")):
        found, told = PixelOptions().normalisation(replace(graph(), white=white))
        assert found == PRESETS[preset]
        assert told.endswith(f"the model normalises pixels of 0 to {white:g} itself")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preprocess": "tf", "mean": "1", "std": "2"}, "leave out that or --mean and --std"),
        ({"mean": "1,2"}, "--mean is '1,2', not three numbers"),
        ({"std": "nan"}, "--std is 'nan', not three numbers"),
        ({"std": "0"}, "positive standard deviations"),
        ({"std": "0.5", "mean": "100"}, "not of the same pixels"),
        ({"scale": "1/0"}, "--scale 1/0: give a positive number or fraction"),
        ({"scale": "-1"}, "--scale -1: give a positive"),
        ({"scale": "x"}, "--scale x: give a positive"),
        ({"channel_order": "GRB"}, "'GRB' is neither RGB nor BGR"),
    ],
)
def test_what_is_not_understood_is_refused(options, message):
    with pytest.raises(FirebrickError, match=message):
        PixelOptions(**options).normalisation(graph())


def test_options_of_the_network_itself_are_told_by_their_names():
    options = PixelOptions("256", mean="1", channel_order="RGB")
    assert options.expected == {"--mean": "1", "--channel-order": "RGB"}
