"""How frames travel to a board: raw, or coded in fewer bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gen.common.errors import FirebrickError
from protocol.coding.encode import encode
from protocol.coding.levels import to_levels, to_pixels
from protocol.coding.rules import COLOURS, LOSSLESS, RAW, STEPS, Shape, Steps
from protocol.messages import DeviceInfo


@dataclass(frozen=True)
class Encoded:
    """A frame as it travels.

    Attributes
    ----------
    data : bytes
    coded : bool
        Whether these are codes, and not pixels.
    shape : (height, width, channels)
        Of the frame.
    """

    data: bytes
    coded: bool
    shape: Shape


@dataclass(frozen=True)
class Coding:
    """What becomes of frames before they are sent.

    Attributes
    ----------
    steps : Steps or None
        Of coded frames; all are sent raw if None.
    why : str
        Why it is not without loss though nobody asked for that; else empty.
    """

    steps: Steps | None = None
    why: str = ""

    @staticmethod
    def parse(text: str) -> Coding:
        """Read ``raw``, ``lossless``, ``2`` or ``2,4``: the steps of luma and chroma.

        Raises
        ------
        FirebrickError
            If it is none of these.
        """
        if text == RAW:
            return Coding()
        if text == LOSSLESS:
            return Coding(Steps())
        try:
            luma, *chroma = (int(part) for part in text.split(","))
            return Coding(Steps(luma, *(chroma or [luma])))
        except (TypeError, ValueError):
            raise FirebrickError(
                f"--coding takes {RAW}, {LOSSLESS}, or steps like 2 or 2,4, of "
                f"{', '.join(map(str, STEPS))}; not {text!r}"
            ) from None

    @staticmethod
    def usual(carries: Mapping[str, float], wanted: float) -> Coding | None:
        """The first coding with which a link keeps up, or the last; None if none is known.

        Parameters
        ----------
        carries : mapping
            Photographs a second over the link by coding, those without loss first.
        wanted : float
            Frames a second of the accelerator.

        Raises
        ------
        FirebrickError
            If there is no such coding.
        """
        names = list(carries)
        if not names:
            return None
        found = Coding.parse(next((n for n in names if carries[n] >= wanted), names[-1]))
        if found.steps is None or found.steps.lossless:
            return found
        rate = carries.get(LOSSLESS, carries[names[0]])
        why = (
            f"since without loss the link carries {rate:.0f} of the {wanted:.0f} frames/s that the "
            f"accelerator computes; --coding {LOSSLESS} asks for that"
        )
        return Coding(found.steps, why)

    @staticmethod
    def chosen(asked: Coding | None, info: DeviceInfo) -> Coding:
        """What is asked for, if the board takes it; without loss, or raw, if nothing is.

        Parameters
        ----------
        asked : Coding or None
        info : DeviceInfo
            Of the board.

        Raises
        ------
        FirebrickError
            If the board does not take such frames.
        """
        if asked is None:
            return Coding(Steps() if info.coded else None)
        if asked.why and not info.coded:
            return Coding()
        if asked.steps is not None and not info.coded:
            raise FirebrickError(
                "this board takes raw frames alone; leave --coding out, or generate its sources "
                "with --frames coded"
            )
        if asked.steps is not None and info.channels != COLOURS:
            return replace(asked, steps=Steps(asked.steps.luma))
        return asked

    def __str__(self) -> str:
        """What is to be told of the choice."""
        if self.steps is None:
            return "raw"
        if self.steps.lossless:
            return "coded without loss"
        steps = f"coded with steps of {self.steps.luma} (luma) and {self.steps.chroma} (chroma)"
        return f"{steps}, {self.why}" if self.why else steps

    def encoded(self, frame: np.ndarray) -> Encoded:
        """A frame uint8 (height, width, channels) as it is to travel.

        What would be longer without loss than raw is sent raw.
        """
        height, width, channels = frame.shape
        shape = height, width, channels
        if self.steps is not None:
            coded = encode(frame, self.steps)
            if not (self.steps.lossless and len(coded) >= frame.size):
                return Encoded(coded, True, shape)
        return Encoded(frame.tobytes(), False, shape)

    def seen(self, frame: np.ndarray) -> np.ndarray:
        """A frame as the accelerator sees it."""
        if self.steps is None or self.steps.lossless:
            return frame
        return to_pixels(to_levels(frame, self.steps), self.steps)
