from hypothesis import given
from hypothesis import strategies as st

from gen.explore.pareto import front

NUMBERS = st.integers(0, 5).map(float)


def worse(a, b):
    """Whether ``b`` has as much as ``a`` of everything, and more of something."""
    return b[0] >= a[0] and b[1] >= a[1] and b != a


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=30))
def test_front_is_what_no_other_is_better_than(values):
    found: set[int] = front((index, *pair) for index, pair in enumerate(values))
    assert found == {
        index for index, pair in enumerate(values) if not any(worse(pair, v) for v in values)
    }


def test_a_front():
    points = {"a": (1, 9), "b": (3, 5), "c": (2, 5), "d": (9, 1), "e": (3, 4)}
    assert front((name, *pair) for name, pair in points.items()) == {"a", "b", "d"}
