"""How frames travel to a board: raw, or coded in fewer bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gen.common.errors import FirebrickError
from protocol.coding.encode import encode
from protocol.coding.rules import COLOURS, STEPS, Steps
from protocol.messages import DeviceInfo

RAW, LOSSLESS = "raw", "lossless"


@dataclass(frozen=True)
class Coding:
    """What becomes of frames before they are sent.

    Attributes
    ----------
    steps : Steps or None
        Of coded frames; all are sent raw if None.
    """

    steps: Steps | None = None

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
        if asked.steps is not None and not info.coded:
            raise FirebrickError(
                "this board takes raw frames alone; leave --coding out, or generate its sources "
                "with --frames coded"
            )
        if asked.steps is not None and info.channels != COLOURS:
            return Coding(Steps(asked.steps.luma))
        return asked

    def __str__(self) -> str:
        """What is to be told of the choice."""
        if self.steps is None:
            return "raw"
        if self.steps.lossless:
            return "coded without loss"
        return f"coded with steps of {self.steps.luma} (luma) and {self.steps.chroma} (chroma)"

    def data(self, frame: np.ndarray) -> tuple[bytes, bool]:
        """The bytes of a frame, and whether they are coded.

        What would be longer without loss than raw is sent raw.
        """
        raw = frame.tobytes()
        if self.steps is None:
            return raw, False
        coded = encode(frame, self.steps)
        if self.steps.lossless and len(coded) >= len(raw):
            return raw, False
        return coded, True
