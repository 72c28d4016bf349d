from bench.accuracy import Score
from bench.sizes import PAPER, Size, _table


def test_sizes_are_against_float_and_beside_the_papers():
    sizes = {
        "float, ONNX": Size(5_000_000, Score(63.0, 85.0, 10, 1.0)),
        "small": Size(500_000, Score(62.25, 85.5, 10, 1.0)),
    }
    columns = [list(column.cells) for column in _table(sizes).columns]
    assert columns[1][:2] == ["5000000", "500000"]
    assert columns[2][:2] == ["100.0%", "10.0%"]
    assert columns[5][:2] == ["", "-0.75"]
    assert columns[1][2:] == [str(taken) for _, taken, _, _ in PAPER]
