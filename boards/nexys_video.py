"""Digilent Nexys Video, with an XC7A200T.

Pins: Digilent's Nexys-Video-Master.xdc, the same as in LiteX-Boards' digilent_nexys_video.py. The
UART's names there are the host's: what it sends is ``uart_tx_in``.
"""

from amaranth.build import Attrs, Clock, Pins, PinsN, Resource, Subsignal
from amaranth_boards.resources import LEDResources, UARTResource

from boards.board import Phy
from boards.bridge import FT232R
from boards.parts import board_with
from boards.seven_series import QUAD_FLASH, SevenSeriesPlatform


class NexysVideoPlatform(SevenSeriesPlatform):
    """The board."""

    device = "xc7a200t"
    package = "sbg484"
    speed = "1"
    default_clk = "clk100"
    default_rst = "rst"
    bitstream_settings = QUAD_FLASH
    resources = (
        Resource("clk100", 0, Pins("R4", dir="i"), Clock(100e6), Attrs(IOSTANDARD="LVCMOS33")),
        Resource("rst", 0, PinsN("G4", dir="i"), Attrs(IOSTANDARD="LVCMOS15")),
        *LEDResources(pins="T14 T15 T16 U16 V15 W16 W15 Y13", attrs=Attrs(IOSTANDARD="LVCMOS25")),
        UARTResource(0, rx="V18", tx="AA19", attrs=Attrs(IOSTANDARD="LVCMOS33")),
        Resource(
            "eth_rgmii",  # RTL8211E-VL
            0,
            Subsignal("rst", PinsN("U7", dir="o"), Attrs(IOSTANDARD="LVCMOS33")),
            Subsignal("tx_clk", Pins("AA14", dir="o")),
            Subsignal("tx_ctl", Pins("V10", dir="o")),
            Subsignal("tx_data", Pins("Y12 W12 W11 Y11", dir="o")),
            Subsignal("rx_clk", Pins("V13", dir="i")),
            Subsignal("rx_ctl", Pins("W10", dir="i")),
            Subsignal("rx_data", Pins("AB16 AA15 AB15 AB11", dir="i")),
            Attrs(IOSTANDARD="LVCMOS25"),
        ),
    )
    connectors = ()


NEXYS_VIDEO = board_with(
    "xc7a200tsbg484-1",
    name="nexys_video",
    title="Digilent Nexys Video",
    loader="nexysVideo",
    idcode=0x0363_6093,
    platform=NexysVideoPlatform,
    bridge=FT232R,
    # The PHY of the Genesys 2, with what is said of it there.
    phy=Phy(kind="rgmii", resource="eth_rgmii", rx_delay_taps=26, rx_margin_ns=1.0),
)
