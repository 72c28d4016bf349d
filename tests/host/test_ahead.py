import threading

import pytest

from host.ahead import EACH, ahead


@pytest.mark.parametrize("count", [0, 1, 3, 20])
def test_everything_comes_in_order(count):
    assert list(ahead(lambda n: n * n, range(count), 3)) == [n * n for n in range(count)]


def test_no_more_is_read_than_threads_need():
    numbers = iter(range(100))
    source = ahead(str, numbers, 2)
    assert next(source) == "0"
    assert next(numbers) == EACH * 2
    source.close()


def test_work_is_done_by_other_threads():
    names = set(ahead(lambda _: threading.current_thread().name, range(8), 2))
    assert threading.current_thread().name not in names


def test_errors_reach_whoever_asks():
    source = ahead(lambda n: 1 // n, [1, 0, 1], 1)
    assert next(source) == 1
    with pytest.raises(ZeroDivisionError):
        next(source)
