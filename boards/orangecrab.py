"""OrangeCrab r0.2 with an LFE5U-85F.

It has no bridge between USB and a UART: one of your own goes to the pins ``0`` (the board receives)
and ``1`` (it sends), where Feather boards have their UART. Nor has it a cable for JTAG. Pins:
amaranth-boards, the same as in LiteX-Boards' gsd_orangecrab.py.
"""

from amaranth.build import Attrs
from amaranth_boards.orangecrab_r0_2 import OrangeCrabR0_2_85FPlatform
from amaranth_boards.resources import LEDResources, UARTResource

from boards.bridge import FT232R
from boards.ecp5 import Ecp5Platform
from boards.parts import board_with


class OrangeCrab85Platform(Ecp5Platform, OrangeCrabR0_2_85FPlatform):
    """The board; its RGB LED's green, blue and red serve as LEDs."""

    resources = (
        *(pins for pins in OrangeCrabR0_2_85FPlatform.resources if pins.name == "clk"),
        *LEDResources(pins="M3 J3 K4", invert=True, attrs=Attrs(IO_TYPE="LVCMOS33")),
        # Pulled up: with nothing there, it would be a break else.
        UARTResource(0, rx="N17", tx="M18", attrs=Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP")),
    )


ORANGECRAB_85 = board_with(
    "LFE5U-85F-8MG285",
    name="orangecrab_85",
    title="OrangeCrab r0.2 85F",
    loader="",
    idcode=0x4111_3043,
    platform=OrangeCrab85Platform,
    bridge=FT232R,
)
