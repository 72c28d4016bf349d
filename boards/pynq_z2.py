"""TUL PYNQ-Z2: the programmable logic of its Zynq 7020, and nothing of its processors.

The UART is on PmodA. Pins: LiteX-Boards' tul_pynq_z2.py, the same as in copies of TUL's
pynq-z2_v1.0.xdc.
"""

from amaranth_boards.resources import LEDResources

from boards.bridge import FT232R
from boards.parts import board_with
from boards.zynq import IDCODE, IO, PART, ZynqPlatform, common


class PynqZ2Platform(ZynqPlatform):
    """The board; BTN0 resets it."""

    resources = (
        *common(clk125="H16", rst="D19", rx="Y16", tx="Y19"),
        *LEDResources(pins="R14 P14 N16 M14", attrs=IO),
    )


PYNQ_Z2 = board_with(
    PART,
    name="pynq_z2",
    title="TUL PYNQ-Z2",
    loader="pynq_z2",
    idcode=IDCODE,
    platform=PynqZ2Platform,
    bridge=FT232R,
)
