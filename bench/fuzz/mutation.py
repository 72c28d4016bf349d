"""Mutations that keep a file's outer form: lengths, checksums, compression and JSON's syntax.

Flipped bits alone seldom get past a checksum. Here a file is taken apart, one of its parts is
changed, and all is put together again as its writer would do it.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 7, 8, 9, 31, 32, 33, 127, 128, 255, 256, -128, 65535, 65536,
    1 << 31, -(1 << 31), 1 << 64, 0.0, -0.5, 1e-300, 1e300, float("nan"), float("inf"), "", "input",
    "/", "__", "\x00", "ü", [], {}, [0], [[]], [1, 1, 1], [0, 0, 0, 0],
)  # fmt: skip
"""Values that readers like to forget."""
RAW = 0.15
"""How often a file's bytes are changed with no regard to its form."""
AS_JSON = 0.8
"""How often a part that is JSON is changed as that, not as bytes."""
LISTED = 0.25
"""How often a part is dropped, repeated or moved rather than changed."""

Mutate = Callable[[bytes, int], bytes]
"""libFuzzer's own: bytes, and how many there may be, to other bytes."""


@dataclass(frozen=True)
class Form:
    """How a kind of file is taken apart.

    Attributes
    ----------
    parts : callable
        The parts of a file, any of which may be changed; raises whatever it likes for other data.
    whole : callable
        A file of parts.
    """

    parts: Callable[[bytes], list[bytes]]
    whole: Callable[[list[bytes]], bytes]


ONE_PART = Form(lambda data: [data], lambda parts: b"".join(parts))
"""Of files without such a form."""


def mutator(form: Form, mutate: Mutate) -> Callable[[bytes, int, int], bytes]:
    """A mutator for libFuzzer: data, how many bytes there may be, and a seed, to other data.

    Parameters
    ----------
    form : Form
    mutate : callable
    """

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() >= RAW:
            with suppress(Exception):  # of data that has no such form any more
                made = form.whole(_changed(form.parts(data), mutate, most, rng))
                if len(made) <= most:
                    return made
        return mutate(data, most)

    return mutated


def _changed(parts: list[bytes], mutate: Mutate, most: int, rng: random.Random) -> list[bytes]:
    """Parts of which one is another, or in another place."""
    at = rng.randrange(len(parts))
    if len(parts) > 1 and rng.random() < LISTED:
        return _rearranged(parts, at, rng)
    made = _part(parts[at], mutate, most, rng)
    return [*parts[:at], made, *parts[at + 1 :]]


def _rearranged(parts: list[bytes], at: int, rng: random.Random) -> list[bytes]:
    rest = [*parts[:at], *parts[at + 1 :]]
    kind = rng.randrange(3)
    if kind == 0:
        return rest
    to = rng.randrange(len(parts))
    kept = rest if kind == 1 else parts
    return [*kept[:to], parts[at], *kept[to:]]


def _part(part: bytes, mutate: Mutate, most: int, rng: random.Random) -> bytes:
    if part[:1] in (b"{", b"[") and rng.random() < AS_JSON:
        with suppress(ValueError):
            return changed_json(part, rng)
    return mutate(part, most)


def changed_json(text: bytes, rng: random.Random) -> bytes:
    """A JSON document of which one value is another, is missing, or is there twice.

    Parameters
    ----------
    text : bytes
    rng : random.Random

    Raises
    ------
    ValueError
        If it is none.
    """
    value = json.loads(text)
    places = list(_places(value))
    if not places:
        return json.dumps(rng.choice(ODD)).encode()
    holder, key = rng.choice(places)
    kind = rng.randrange(4)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        other, place = rng.choice(places)
        holder[key] = _other(holder[key], copy.deepcopy(other[place]), rng)
    return json.dumps(value).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every value in a document, as what holds it and where."""
    keys = range(len(value)) if isinstance(value, list) else value if type(value) is dict else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _other(value: Any, elsewhere: Any, rng: random.Random) -> Any:
    """Another value: one near it, one from elsewhere in the document, or an odd one."""
    kind = rng.randrange(3)
    if kind == 0 and type(value) in (int, float):
        return rng.choice((value + 1, value - 1, -value, value * 2, value / 2, value * 1000))
    if kind == 0 and type(value) is str and value.lstrip("-").isdecimal():
        return str(_other(int(value), elsewhere, rng))  # as protobuf has 64-bit integers
    return elsewhere if kind == 1 else rng.choice(ODD)
