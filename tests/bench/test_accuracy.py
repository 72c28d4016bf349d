import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from bench import accuracy
from bench.accuracy import FLOAT, Report, Score, _table, link_part
from gen.common.errors import FirebrickError
from gen.common.progress import SILENT


def test_differences_are_from_the_networks_own_float():
    scores = {
        f"a v1, {FLOAT}": Score(60.0, 80.0, 10, 1.0),
        "a v1, 4 bits": Score(59.25, 80.5, 10, 1.0),
        f"a v1 from a file, {FLOAT}": Score(50.0, 70.0, 10, 1.0),
        "a v1 from a file, codes kept": Score(49.0, 70.0, 10, 1.0),
        "b": Score(1.0, 2.0, 10, 1.0),
    }
    cells = list(_table(scores).columns[3].cells)
    assert cells == ["", "-0.75 +0.50", "", "-1.00 +0.00", ""]


def test_a_seed_picks_a_part_of_the_photographs(tmp_path):
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for number in range(16):
        Image.new("RGB", (8, 8)).save(photographs / f"{number:02}.png")
    picked = []
    for seed in (0, 1):
        assert link_part(photographs, tmp_path / str(seed), seed) == 12
        picked.append(sorted(path.name for path in (tmp_path / str(seed)).iterdir()))
        assert len(picked[-1]) == 12
    assert picked[0] != picked[1]
    assert all(path.resolve().parent == photographs for path in (tmp_path / "0").iterdir())


def test_only_what_is_wanted_is_scored():
    frames, truth = np.zeros((3, 2, 2, 3), np.uint8), np.array([1, 1, 0])
    scores = np.array([0.0, 1.0])
    report = Report(Console(quiet=True), SILENT, ("a, *", "b"))
    [(title, got)] = report.score(
        "a, 4 bits", lambda _: scores[None], frames[:1], truth[:1]
    ).items()
    assert (title, got.top1) == ("a, 4 bits", 100.0)
    assert report.score("bits", lambda _: pytest.fail("run"), frames, truth) == {}


def test_a_pattern_that_fits_nothing_is_told(monkeypatch, tmp_path):
    for name in ("_embedded", "_float", "_quantised", "_compressed"):
        monkeypatch.setattr(accuracy, f"{name}_network", lambda *_: {})
    with pytest.raises(FirebrickError, match="no network's title matches 'v2 or v3'"):
        accuracy.run(Console(quiet=True), tmp_path, only=("v2", "v3"))
