"""LambdaConcept ECPIX-5, with an LFE5UM5G-85F (``ecpix5_85``) or -45F (``ecpix5_45``)."""

from amaranth.build import Attrs, Pins, PinsN, Resource, Subsignal
from amaranth_boards.ecpix5 import ECPIX545Platform, ECPIX585Platform
from amaranth_boards.resources import LEDResources

from boards.board import Phy
from boards.ecp5 import Ecp5Platform
from boards.parts import board_with

_UP = Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP")
_RESOURCES = (
    *(pins for pins in ECPIX585Platform.resources if pins.name in ("clk100", "uart")),
    # Pulled up: the ECP5 pulls down by itself, and the button only connects it to ground.
    Resource("rst", 0, PinsN("AB1", dir="i"), _UP),
    # The PHY, a KSZ9031RNX, takes its mode from ``rx_data`` when its reset ends: pulled up, they
    # say RGMII with all speeds (data sheet, "Strapping Options").
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
    # The green parts of its four RGB LEDs.
    *LEDResources(pins="R21 W21 K24 R23", invert=True, attrs=_UP),
)


class Ecpix585Platform(Ecp5Platform, ECPIX585Platform):
    """The board with the LFE5UM5G-85F."""

    resources = _RESOURCES


class Ecpix545Platform(Ecp5Platform, ECPIX545Platform):
    """The board with the LFE5UM5G-45F: the same but for pins of its HDMI."""

    resources = _RESOURCES


ECPIX5_85, ECPIX5_45 = (
    board_with(
        f"LFE5UM5G-{size}F-8BG554",
        name=f"ecpix5_{size}",
        title=f"LambdaConcept ECPIX-5 {size}F",
        loader="ecpix5",
        idcode=idcode,
        platform=platform,
        phy=Phy(kind="rgmii", resource="eth_rgmii", control="ctrl"),
    )
    for size, idcode, platform in zip(
        (85, 45), (0x8111_3043, 0x8111_2043), (Ecpix585Platform, Ecpix545Platform), strict=True
    )
)
