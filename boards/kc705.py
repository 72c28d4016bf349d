"""AMD KC705, with a Kintex-7 325T.

Its Ethernet PHY is wired as GMII, or as SGMII or RGMII by jumpers: not ours. Pins: PoC's files for
the KC705 (VLSI-EDA/PoC, from AMD's UG810), the same as in LiteX-Boards' xilinx_kc705.py.
"""

from amaranth.build import Attrs, Clock, DiffPairs, Pins, Resource
from amaranth_boards.resources import LEDResources, UARTResource

from boards.bridge import CP2103
from boards.parts import board_with
from boards.seven_series import QUAD_FLASH, SevenSeriesPlatform


class Kc705Platform(SevenSeriesPlatform):
    """The board; its oscillator is differential, 200 MHz, and its reset button active high."""

    device = "xc7k325t"
    package = "ffg900"
    speed = "2"
    default_clk = "clk200"
    default_rst = "rst"
    bitstream_settings = QUAD_FLASH
    configuration_volts = 2.5
    resources = (
        Resource(
            "clk200",
            0,
            DiffPairs("AD12", "AD11", dir="i"),
            Clock(200e6),
            Attrs(IOSTANDARD="LVDS"),
        ),
        Resource("rst", 0, Pins("AB7", dir="i"), Attrs(IOSTANDARD="LVCMOS15")),
        *LEDResources(pins="AB8 AA8 AC9 AB9", attrs=Attrs(IOSTANDARD="LVCMOS15")),
        UARTResource(0, rx="M19", tx="K24", attrs=Attrs(IOSTANDARD="LVCMOS25")),
    )
    connectors = ()


KC705 = board_with(
    "xc7k325tffg900-2",
    name="kc705",
    title="AMD KC705",
    loader="kc705",
    idcode=0x0365_1093,
    platform=Kc705Platform,
    bridge=CP2103,
)
