import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from gen.common.errors import FirebrickError
from gen.frames.images import list_images, load_frame, load_frames, load_tar, with_mirror_images
from gen.ir.preprocessing import Preprocessing

RNG = np.random.default_rng(1)


def picture(height: int, width: int) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_picture_between_crop_and_resize_is_only_cropped(tmp_path):
    pixels = picture(30, 34)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    frame = load_frame(tmp_path / "a.png", Preprocessing(36, (24, 20)))
    assert frame.dtype == np.uint8
    np.testing.assert_array_equal(frame, pixels[3:27, 7:27])
    exact = load_frame(tmp_path / "a.png", Preprocessing(30, (30, 34)))
    assert exact.shape == (30, 34, 3)


@pytest.mark.parametrize("size", [(100, 50), (50, 100), (20, 10), (64, 64)])
def test_other_pictures_are_resized_by_their_shorter_side(tmp_path, size):
    ramp = np.linspace(0, 255, size[1])[None, :, None].repeat(size[0], 0).repeat(3, 2)
    Image.fromarray(ramp.astype(np.uint8)).save(tmp_path / "a.png")
    frame = load_frame(tmp_path / "a.png", Preprocessing(36, (32, 32)))
    assert frame.shape == (32, 32, 3)
    middle = float(frame[:, 15:17].mean())
    assert abs(middle - 127.5) < 6
    slope = (float(frame[:, 24].mean()) - float(frame[:, 8].mean())) / 16
    width = 36 * max(size[1] / min(size), 1)
    assert slope == pytest.approx(255 / (size[1] - 1) * size[1] / width, rel=0.05)


def test_very_long_pictures_take_little_memory(tmp_path):
    Image.fromarray(picture(3, 60_000)).save(tmp_path / "a.png")
    assert load_frame(tmp_path / "a.png", Preprocessing(256, (224, 224))).shape == (224, 224, 3)


RAMP = np.linspace(0, 1, 256).reshape(16, 16)


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "P", "1", "LA", "I;16", "F"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    grey = np.linspace(0, 255, 40).astype(np.uint8)[None].repeat(40, 0)
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode == "F":
        image = Image.fromarray(grey.astype(np.float32))
    else:
        image = Image.fromarray(grey).convert(mode)
    suffix = ".tif" if mode in ("CMYK", "F") else ".png"
    path = tmp_path / f"a{suffix}"
    image.save(path)
    frame = load_frame(path, Preprocessing(40, (40, 40)))
    assert frame.shape == (40, 40, 3)
    if mode != "1":
        assert np.abs(frame[..., 1].astype(int) - grey).max() <= 3


def test_transparency_lies_on_black(tmp_path):
    rgba = np.full((8, 8, 4), 200, np.uint8)
    rgba[:4, :, 3], rgba[4:, :, 3] = 0, 255
    Image.fromarray(rgba).save(tmp_path / "a.png")
    frame = load_frame(tmp_path / "a.png", Preprocessing(8, (8, 8)))
    assert np.all(frame[:4] == 0)
    assert np.all(frame[4:] == 200)


def test_camera_orientation_is_obeyed(tmp_path):
    pixels = picture(8, 8)
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    frame = load_frame(tmp_path / "a.png", Preprocessing(8, (8, 8)))
    np.testing.assert_array_equal(frame, pixels[::-1, ::-1])


def test_unreadable_images(tmp_path):
    preprocessing = Preprocessing(8, (8, 8))
    with pytest.raises(FirebrickError, match="no such image"):
        load_frame(tmp_path / "none.jpg", preprocessing)
    (tmp_path / "text.jpg").write_text("no image")
    with pytest.raises(FirebrickError, match="not an image"):
        load_frame(tmp_path / "text.jpg", preprocessing)
    buffer = io.BytesIO()
    Image.fromarray(picture(64, 64)).save(buffer, "PNG")
    (tmp_path / "cut.png").write_bytes(buffer.getvalue()[:500])
    with pytest.raises(FirebrickError, match=r"cut\.png: damaged image") as caught:
        load_frame(tmp_path / "cut.png", preprocessing)
    assert "\n" not in str(caught.value)


def test_list_images(tmp_path):
    for name in ("b.jpg", "a.PNG", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in list_images(tmp_path)] == ["a.PNG", "b.jpg"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(FirebrickError, match="holds no image"):
        list_images(tmp_path / "empty")
    with pytest.raises(FirebrickError, match="no such folder"):
        list_images(tmp_path / "none")


def test_tar(tmp_path):
    pixels = [picture(8, 8) for _ in range(6)]
    path = tmp_path / "test.tar"
    with tarfile.open(path, "w") as tar:
        for i in reversed(range(6)):
            buffer = io.BytesIO()
            Image.fromarray(pixels[i]).save(buffer, "PNG")
            info = tarfile.TarInfo(f"test/{'cat' if i < 3 else 'dog'}/{i}.png")
            info.size = buffer.tell()
            buffer.seek(0)
            tar.addfile(info, buffer)
    frames, classes = load_tar(path, Preprocessing(8, (8, 8)))
    np.testing.assert_array_equal(frames, np.stack(pixels))
    assert classes == ["cat"] * 3 + ["dog"] * 3
    frames, classes = load_tar(path, Preprocessing(8, (8, 8)), limit=2)
    np.testing.assert_array_equal(frames, np.stack([pixels[0], pixels[3]]))
    with pytest.raises(FirebrickError, match="no such tar"):
        load_tar(tmp_path / "none.tar", Preprocessing(8, (8, 8)))
    (tmp_path / "bad.tar").write_bytes(b"x" * 2000)
    with pytest.raises(FirebrickError, match="not a readable tar"):
        load_tar(tmp_path / "bad.tar", Preprocessing(8, (8, 8)))


def test_load_frames_stacks(tmp_path):
    for name in "ab":
        Image.fromarray(picture(8, 8)).save(tmp_path / f"{name}.png")
    assert load_frames(list_images(tmp_path), Preprocessing(8, (8, 8))).shape == (2, 8, 8, 3)


def test_mirror_images_come_behind_the_frames():
    frames = np.stack([picture(4, 6), picture(4, 6)])
    both = with_mirror_images(frames)
    assert both.shape == (4, 4, 6, 3)
    np.testing.assert_array_equal(both[:2], frames)
    np.testing.assert_array_equal(both[2:, :, 1], frames[:, :, 4])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (RAMP, np.float32),
        (RAMP * 255, np.float32),
        (RAMP * 65535, np.float32),
        (RAMP * 1.02 - 0.02, np.float32),
        (RAMP * 65535, np.int32),
        (RAMP * (2**31 - 1), np.int32),
    ],
)
def test_deep_greys_keep_their_brightness(tmp_path, values, kind):
    path = tmp_path / "deep.tif"
    Image.fromarray(values.astype(kind)).save(path)
    frame = load_frame(path, Preprocessing(16, (16, 16)))
    np.testing.assert_allclose(frame[:, :, 0], RAMP * 255, atol=6)


@pytest.mark.parametrize("values", [RAMP * 1e6, RAMP - 0.5, RAMP * np.nan, -RAMP])
def test_floats_that_do_not_tell_black_and_white_are_refused(tmp_path, values):
    path = tmp_path / "deep.tif"
    Image.fromarray(values.astype(np.float32)).save(path)
    with pytest.raises(FirebrickError, match=r"deep\.tif: has values from .*save it with 8 bits"):
        load_frame(path, Preprocessing(16, (16, 16)))


def test_a_table_makes_codes_of_pixels_at_last(tmp_path):
    pixels = picture(30, 34)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    tables = tuple(tuple(int(c) for c in RNG.permutation(256)) for _ in range(3))
    preprocessing = Preprocessing(36, (24, 20), tables=tables)
    frame = load_frame(tmp_path / "a.png", preprocessing)
    raw = load_frame(tmp_path / "a.png", preprocessing.raw)
    np.testing.assert_array_equal(raw, pixels[3:27, 7:27])
    for channel, table in enumerate(tables):
        np.testing.assert_array_equal(frame[..., channel], np.array(table)[raw[..., channel]])
    assert preprocessing.described().endswith("middle 24x20, pixels to codes by a table")
