"""Results that are kept with the first argument of what computed them."""

import gc
from dataclasses import dataclass, field, replace
from weakref import ref

from gen.common.cached import kept_by_first


@dataclass(frozen=True)
class Scale:
    factor: int
    asked: list[int] = field(default_factory=list, compare=False)

    @kept_by_first
    def times(self, value: int, *, more: int = 0) -> int:
        self.asked.append(value)
        return self.factor * value + more


@kept_by_first
def plus(scale: Scale, value: int) -> int:
    scale.asked.append(value)
    return scale.factor + value


def test_each_question_is_computed_once():
    two = Scale(2)
    assert [two.times(3), two.times(3), two.times(3, more=1), two.times(4)] == [6, 6, 7, 8]
    assert two.asked == [3, 3, 4]


def test_a_function_is_no_method_but_keeps_its_results_as_well():
    two = Scale(2)
    assert [plus(two, 3), plus(two, 3), two.times(3), plus(two, 3)] == [5, 5, 6, 5]
    assert two.asked == [3, 3]
    assert plus.__name__ == "plus"


def test_objects_share_nothing():
    two = Scale(2)
    assert two.times(5) == 10
    three = replace(two, factor=3)
    assert three.times(5) == 15
    assert plus(three, 5) == 8
    assert two.times(5) == 10
    assert plus(two, 5) == 7


def test_results_go_with_their_object():
    two = Scale(2)
    two.times(5)
    plus(two, 5)
    gone = ref(two)
    del two
    gc.collect()
    assert gone() is None
