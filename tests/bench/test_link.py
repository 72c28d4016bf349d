from bench.link import measure
from tests.networks import tiny_network


def test_pixels_fill_the_line(tmp_path):
    figures = measure(tiny_network(1), 10_000_000, 12, tmp_path / "board")
    assert figures["wrong frames"] == 0
    assert 0.9 < figures["pixels, of the line's rate"] < 1
