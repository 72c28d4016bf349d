import pytest

from host.serve.limits import RateLimit
from host.serve.queue import FairQueue, QueueFull


def test_clients_take_turns_however_much_each_has():
    queue: FairQueue[str] = FairQueue(10, 6)
    for number in range(5):
        queue.put("greedy", f"g{number}")
    queue.put("late", "l0")
    queue.put("later", "r0")
    assert (len(queue), queue.clients) == (7, 3)
    assert queue.take() == "g0"
    queue.put("late", "l1")
    assert [queue.take() for _ in range(7)] == ["l0", "r0", "g1", "l1", "g2", "g3", "g4"]
    assert queue.take() is None
    assert (len(queue), queue.clients) == (0, 0)


def test_queues_are_bounded():
    queue: FairQueue[int] = FairQueue(4, 3)
    for number in range(3):
        queue.put("one", number)
    with pytest.raises(QueueFull, match="3 of your pictures wait"):
        queue.put("one", 3)
    queue.put("other", 0)
    with pytest.raises(QueueFull, match="4 pictures wait"):
        queue.put("third", 0)
    queue.take()
    queue.put("third", 0)


def test_a_client_that_was_quiet_may_ask_several_times_at_once():
    now = [0.0]
    limit = RateLimit(2.0, 3.0, lambda: now[0])
    assert [limit.wait("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert limit.wait("b") == 0.0
    now[0] = 0.5
    assert limit.wait("a") == 0.0
    assert limit.wait("a") == 0.5
    now[0] = 100.0
    assert [limit.wait("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
