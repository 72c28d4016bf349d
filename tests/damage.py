"""Hypothesis strategies that damage files, for tests of what reads them."""

import copy
from typing import Any

from hypothesis import strategies as st

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 9)
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
"""Any value that JSON can hold."""


@st.composite
def damaged(draw: st.DrawFn, good: bytes, start: int = 0) -> bytes:
    """A file of which, from ``start`` on, a part is spoilt, missing, or too much."""
    kind = draw(st.sampled_from(["flip", "cut", "replace", "insert", "append"]))
    at = draw(st.integers(start, len(good) - 1))
    if kind == "flip":
        return good[:at] + bytes([good[at] ^ 1 << draw(st.integers(0, 7))]) + good[at + 1 :]
    if kind == "cut":
        return good[:at]
    part = draw(st.binary(min_size=1, max_size=40))
    if kind == "append":
        return good + part
    return good[:at] + part + good[at + (len(part) if kind == "replace" else 0) :]


@st.composite
def changed(draw: st.DrawFn, good: Any) -> Any:
    """A value as JSON has them, of which a part somewhere is missing or is something else."""
    whole = copy.deepcopy(good)
    part = whole
    while True:
        keys = list(part) if isinstance(part, dict) else range(len(part))
        key = draw(st.sampled_from(keys))
        if not (isinstance(part[key], dict | list) and part[key] and draw(st.integers(0, 3))):
            break
        part = part[key]
    if draw(st.booleans()) and draw(st.booleans()):
        del part[key]
    else:
        part[key] = draw(JSON)
    return whole
