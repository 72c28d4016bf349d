"""What the form of a packet says of its frame, to a board that takes some forms and not others."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Signal, Value

from protocol.messages import DeviceInfo
from protocol.packets import Form

_CODED, _LAST, _CONTENTS = (
    form.bit_length() - 1 for form in (Form.CODED, Form.LAST, Form.CONTENTS)
)


class FrameForm:
    """The form of the frame whose packet has this header.

    Attributes
    ----------
    coded : Value
        It is one of codes; never, if the board takes no such ones.
    contents : Value
        It is one of contents, on a board that takes such.
    same : Value
        What has to be the same in all packets of a frame.
    tells_end, last : Value
        The frame ends where a packet says so; this one does.
    any_length : Value
        Its last packet is as long as it likes.
    """

    def __init__(self, info: DeviceInfo, header: Signal):
        form = header.form
        self._info, self._says_coded = info, form[_CODED]
        self.last: Value = form[_LAST]
        self.coded: Value = form[_CODED] if info.coded else Const(0, 1)
        self.contents: Value = form[_CONTENTS] if info.memories else Const(0, 1)
        self.same, self.tells_end, self.any_length = self.coded, self.coded, self._says_coded
        if info.memories:
            self.same = Cat(self.coded, self.contents)
            self.tells_end = self.coded | self.contents
            self.any_length = self._says_coded | self.contents

    def conditions(self, opens: Value, before: Value) -> tuple[Value, ...]:
        """What must hold for the board to take it.

        Parameters
        ----------
        opens : Value
            It is a frame's first packet.
        before : Value
            ``same`` of the packet before.
        """
        goes_on = opens | (self.same == before)
        if not self._info.memories:
            return (goes_on if self._info.coded else ~self._says_coded,)
        both = self._says_coded & self.contents
        return goes_on, ~(both if self._info.coded else self._says_coded)
