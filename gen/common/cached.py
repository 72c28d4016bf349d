"""Results that are kept with the object that they were computed for."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")


def kept_by_first(function: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """A function, or method, that computes once what it is asked of its first argument.

    ``functools.cache`` would keep every first argument alive. Here each keeps what was computed for
    it, by the other arguments, and that goes with it.
    """
    name = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def found(first: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        results: dict[Any, R] = first.__dict__.setdefault(name, {})
        key = (args, *kwargs.items())
        if key not in results:
            results[key] = function(first, *args, **kwargs)
        return results[key]

    return found
