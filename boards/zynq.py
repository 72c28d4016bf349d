"""What boards with a Zynq 7020 of package CLG400 have in common, as far as its logic goes.

Their USB port's UART is the processors'. Ours is on a Pmod, for Digilent's Pmod USBUART: the board
sends on pin 2 and receives on pin 3 (type 4 of their Pmod specification). The line is pulled up:
with nothing there, it would be a break else.
"""

from amaranth.build import Attrs, Clock, Pins, Resource, Subsignal

from boards.seven_series import SevenSeriesPlatform

PART = "xc7z020clg400-1"
IDCODE = 0x0372_7093
IO = Attrs(IOSTANDARD="LVCMOS33")


class ZynqPlatform(SevenSeriesPlatform):
    """A button resets it, and its clock is one that the Ethernet PHY makes."""

    device = "xc7z020"
    package = "clg400"
    speed = "1"
    default_clk = "clk125"
    default_rst = "rst"
    connectors = ()


def common(*, clk125: str, rst: str, rx: str, tx: str) -> tuple[Resource, ...]:
    """The resources that all of them have: clock, reset and UART.

    Parameters
    ----------
    clk125, rst, rx, tx : str
        Their pins.
    """
    return (
        Resource("clk125", 0, Pins(clk125, dir="i"), Clock(125e6), IO),
        Resource("rst", 0, Pins(rst, dir="i"), IO),
        Resource(
            "uart",
            0,
            Subsignal("rx", Pins(rx, dir="i"), Attrs(PULLUP="TRUE")),
            Subsignal("tx", Pins(tx, dir="o")),
            IO,
        ),
    )
