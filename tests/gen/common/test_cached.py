"""Results that are kept with the object that computed them."""

import gc
from dataclasses import dataclass, field, replace
from weakref import ref

from gen.common.cached import cached_method


@dataclass(frozen=True)
class Scale:
    factor: int
    asked: list[int] = field(default_factory=list, compare=False)

    @cached_method
    def times(self, value: int, *, more: int = 0) -> int:
        self.asked.append(value)
        return self.factor * value + more


def test_each_question_is_computed_once():
    two = Scale(2)
    assert [two.times(3), two.times(3), two.times(3, more=1), two.times(4)] == [6, 6, 7, 8]
    assert two.asked == [3, 3, 4]


def test_objects_share_nothing():
    two = Scale(2)
    assert two.times(5) == 10
    three = replace(two, factor=3)
    assert three.times(5) == 15
    assert two.times(5) == 10


def test_results_go_with_their_object():
    two = Scale(2)
    two.times(5)
    gone = ref(two)
    del two
    gc.collect()
    assert gone() is None
