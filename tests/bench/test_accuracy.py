from bench.accuracy import FLOAT, Score, _table


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
