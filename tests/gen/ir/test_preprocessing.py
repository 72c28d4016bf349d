import pytest

from gen.common.errors import FirebrickError
from gen.ir.preprocessing import PRESETS, Normalisation, Preprocessing, default_preprocessing


def test_default_preprocessing():
    assert default_preprocessing(224, 224) == Preprocessing(256, (224, 224))
    assert default_preprocessing(227, 227) == Preprocessing(256, (227, 227))
    assert default_preprocessing(32, 32) == Preprocessing(32, (32, 32))
    for side in range(8, 600):
        assert default_preprocessing(side, side + 5).resize >= side


def test_normalisation_from_metadata():
    got = Normalisation.from_metadata({"mean": "128,128,128", "std": "64, 64, 64"})
    assert got == Normalisation((128.0,) * 3, (64.0,) * 3, "RGB")
    assert Normalisation.from_metadata({"labels": "[]"}) is None
    torchvision = {"mean": "0.485,0.456,0.406", "std": "[0.229, 0.224, 0.225]"}
    assert Normalisation.from_metadata(torchvision) == PRESETS["imagenet"]
    half = Normalisation.from_metadata({"mean": "0.5,0.5,0.5", "std": "1,1,1"})
    assert half == Normalisation((127.5,) * 3, (255.0,) * 3)
    assert Normalisation.from_metadata({"channel_order": "bgr"}) == Normalisation(
        channel_order="BGR"
    )
    assert Normalisation.preset("caffe") is PRESETS["caffe"]


@pytest.mark.parametrize(("metadata", "message"), [
    ({"mean": "1,2"}, "not three numbers"),
    ({"mean": "a,b,c"}, "not three numbers"),
    ({"mean": "0.5,0.5,0.5", "std": "60,60,60"}, "not of the same pixels.*--preprocess"),
    ({"mean": "120,110,100", "std": "0.2,0.2,0.2"}, "not of the same pixels"),
    ({"std": "0,1,1"}, "positive standard deviations"),
    ({"channel_order": "GBR"}, "neither RGB nor BGR"),
])  # fmt: skip
def test_bad_normalisation(metadata, message):
    with pytest.raises(FirebrickError, match=message):
        Normalisation.from_metadata(metadata)


def test_unknown_preset():
    with pytest.raises(FirebrickError, match="known are imagenet, caffe, tf"):
        Normalisation.preset("yuv")
