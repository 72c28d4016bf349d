"""Options of a command line that several commands share, as dataclasses."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of each dataclass that it takes, in that one's place.

    Fields of such a class are annotated as Typer's options are. A class may raise
    :class:`gen.common.errors.FirebrickError` where options do not go together.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())
    kinds = {one.name: one.annotation for one in own if isinstance(one.annotation, type)}
    classes = {name: kind for name, kind in kinds.items() if is_dataclass(kind)}
    fields = {name: _parameters(kind) for name, kind in classes.items()}

    @functools.wraps(command)
    def run(**values: Any) -> None:
        made = {
            name: classes[name](**{one.name: values.pop(one.name) for one in ones})
            for name, ones in fields.items()
        }
        command(**made, **values)

    parameters = [one for one in own if one.name not in classes]
    parameters += [one for ones in fields.values() for one in ones]
    keyword = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    run.__signature__ = inspect.Signature(keyword)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def _parameters(kind: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(kind, eval_str=True).parameters.values())
