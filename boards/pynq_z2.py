"""TUL PYNQ-Z2: the programmable logic of its Zynq 7020, and nothing of its processors.

Its USB port's UART is the processors'. Ours is on PmodA, for Digilent's Pmod USBUART, as on the
Zybo Z7. Pins: LiteX-Boards' tul_pynq_z2.py, the same as in copies of TUL's pynq-z2_v1.0.xdc.
"""

from amaranth.build import Attrs, Clock, Pins, Resource, Subsignal
from amaranth_boards.resources import LEDResources

from boards.bridge import FT232R
from boards.parts import board_with
from boards.seven_series import SevenSeriesPlatform

_IO = Attrs(IOSTANDARD="LVCMOS33")


class PynqZ2Platform(SevenSeriesPlatform):
    """The board; BTN0 resets it, and its clock is one that the Ethernet PHY makes."""

    device = "xc7z020"
    package = "clg400"
    speed = "1"
    default_clk = "clk125"
    default_rst = "rst"
    resources = (
        Resource("clk125", 0, Pins("H16", dir="i"), Clock(125e6), _IO),
        Resource("rst", 0, Pins("D19", dir="i"), _IO),
        *LEDResources(pins="R14 P14 N16 M14", attrs=_IO),
        Resource(
            "uart",
            0,
            Subsignal("rx", Pins("Y16", dir="i"), Attrs(PULLUP="TRUE")),
            Subsignal("tx", Pins("Y19", dir="o")),
            _IO,
        ),
    )
    connectors = ()


PYNQ_Z2 = board_with(
    "xc7z020clg400-1",
    name="pynq_z2",
    title="TUL PYNQ-Z2",
    loader="pynq_z2",
    idcode=0x0372_7093,
    platform=PynqZ2Platform,
    bridge=FT232R,
)
