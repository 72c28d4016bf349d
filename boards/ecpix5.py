"""LambdaConcept ECPIX-5, with an LFE5UM5G-85F (``ecpix5_85``)."""

from amaranth.build import Attrs, Pins, PinsN, Resource, Subsignal
from amaranth_boards.ecpix5 import ECPIX585Platform
from amaranth_boards.resources import LEDResources

from boards.board import Phy
from boards.ecp5 import Ecp5Platform, ecp5_board


class Ecpix585Platform(Ecp5Platform, ECPIX585Platform):
    """The board with the LFE5UM5G-85F; the green parts of its four RGB LEDs serve as LEDs.

    Its Ethernet PHY, a KSZ9031RNX, takes its mode from ``rx_data`` when its reset ends: pulled up,
    they say RGMII with all speeds (data sheet, "Strapping Options"). An ECP5 pulls down by itself.
    """

    resources = (
        *(
            resource
            for resource in ECPIX585Platform.resources
            if resource.name not in ("rst", "rgb_led", "eth_rgmii")
        ),
        # Or else the ECP5 pulls it down, and holds the board in reset where the button only
        # connects it to ground.
        Resource("rst", 0, PinsN("AB1", dir="i"), Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP")),
        Resource(
            "eth_rgmii",
            0,
            Subsignal("rst", PinsN("C13", dir="o")),
            Subsignal("tx_clk", Pins("A12", dir="o")),
            Subsignal("tx_ctrl", Pins("C9", dir="o")),
            Subsignal("tx_data", Pins("D8 C8 B8 A8", dir="o")),
            Subsignal("rx_clk", Pins("E11", dir="i")),
            Subsignal("rx_ctrl", Pins("A11", dir="i")),
            Subsignal("rx_data", Pins("B11 A10 B10 A9", dir="i"), Attrs(PULLMODE="UP")),
            Attrs(IO_TYPE="LVCMOS33"),
        ),
        *LEDResources(
            pins="R21 W21 K24 R23",
            invert=True,
            attrs=Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP"),
        ),
    )


ECPIX5_85 = ecp5_board(
    name="ecpix5_85",
    title="LambdaConcept ECPIX-5 85F",
    part="LFE5UM5G-85F-8BG554",
    loader="ecpix5",
    idcode=0x8111_3043,
    platform=Ecpix585Platform,
    clock_hz=100_000_000,
    phy=Phy(kind="rgmii", resource="eth_rgmii", control="ctrl"),
)
