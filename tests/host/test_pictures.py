import numpy as np
import pytest

from gen.common.errors import FirebrickError
from gen.frames.images import load_frame
from gen.ir.preprocessing import Preprocessing
from host import pictures as module
from host.pictures import pictures
from tests.generated import photographs

AS_IT_IS = Preprocessing(resize=32, crop=(32, 48))


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Eight grey pictures, each lighter than the one before, and blue in the last one."""
    cv2 = pytest.importorskip("cv2")
    path = tmp_path_factory.mktemp("video") / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (48, 32))
    for level in range(8):
        picture = np.full((32, 48, 3), 30 * level, dtype=np.uint8)
        if level == 7:
            picture[:] = (250, 20, 10)
        writer.write(picture)
    writer.release()
    return path


def test_a_video_gives_its_frames(video):
    found = [(name, make()) for name, make in pictures(str(video), AS_IT_IS)]
    assert [name for name, _ in found] == [f"{video} frame {number}" for number in range(8)]
    assert {frame.shape for _, frame in found} == {(32, 48, 3)}
    levels = [frame.mean() for _, frame in found[:7]]
    np.testing.assert_allclose(levels, 30 * np.arange(7), atol=3)
    np.testing.assert_allclose(found[7][1].mean(axis=(0, 1)), (10, 20, 250), atol=8)


def test_a_folder_gives_its_photographs(tmp_path):
    paths = photographs(tmp_path, 3)
    found = list(pictures(str(tmp_path), AS_IT_IS))
    assert [name for name, _ in found] == sorted(map(str, paths))
    np.testing.assert_array_equal(found[0][1](), load_frame(found[0][0], AS_IT_IS))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "no such folder of photographs or video file"),
        ("camera:x", "cameras are called camera, camera:1"),
    ],
)
def test_sources_that_are_none(source, message):
    with pytest.raises(FirebrickError, match=message):
        pictures(source, AS_IT_IS)


def test_a_file_that_is_no_video(tmp_path):
    pytest.importorskip("cv2")
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"not a video")
    with pytest.raises(FirebrickError, match="not a video that OpenCV can open"):
        pictures(str(path), AS_IT_IS)


def test_without_opencv_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    path = tmp_path / "clip.mp4"
    path.touch()
    with pytest.raises(FirebrickError, match="uv sync --extra video"):
        pictures(str(path), AS_IT_IS)
