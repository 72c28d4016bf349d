"""Options of a command line that several commands share, as dataclasses."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any, get_type_hints


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of each dataclass that it takes, in that one's place.

    Fields of such a class are annotated as Typer's options are, or are such classes themselves. A
    class may raise :class:`gen.common.errors.FirebrickError` where options do not go together.
    """
    own = _parameters(command)

    @functools.wraps(command)
    def run(**values: Any) -> None:
        command(**_made(own, values))

    keyword = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for given in own for one in _flat(given)
    ]
    run.__signature__ = inspect.Signature(keyword)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in keyword}
    return run


def _parameters(kind: Callable[..., Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    parameters = inspect.signature(kind).parameters.values()
    return [one.replace(annotation=hints[one.name]) for one in parameters]


def _holds_options(parameter: inspect.Parameter) -> bool:
    return isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation)


def _flat(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    """The options that a parameter stands for."""
    if _holds_options(parameter):
        for one in _parameters(parameter.annotation):
            yield from _flat(one)
    else:
        yield parameter


def _made(parameters: Iterable[inspect.Parameter], values: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments for parameters, from the values of all options."""
    return {
        one.name: one.annotation(**_made(_parameters(one.annotation), values))
        if _holds_options(one)
        else values[one.name]
        for one in parameters
    }
