"""Results that are kept with the object that computed them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")


class cached_method(Generic[S, P, R]):
    """A method that computes what it is asked once for each object, and arguments.

    ``functools.cache`` around a method would keep every object alive that it was called on. Here
    each object has a cache of its own, which goes with it.
    """

    def __init__(self, function: Callable[Concatenate[S, P], R]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    def __get__(self, instance: S, owner: type[S]) -> Callable[P, R]:
        bound: Any = cache(MethodType(self._function, instance))
        # An attribute of the object goes before this one of its class from now on.
        instance.__dict__[self._name] = bound
        return bound
