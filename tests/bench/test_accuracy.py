from PIL import Image

from bench.accuracy import FLOAT, Score, _table, link_part


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
