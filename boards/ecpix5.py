"""LambdaConcept ECPIX-5, with an LFE5UM5G-85F (``ecpix5_85``)."""

from amaranth.build import Attrs
from amaranth_boards.ecpix5 import ECPIX585Platform
from amaranth_boards.resources import LEDResources

from boards.board import Phy
from boards.ecp5 import Ecp5Platform, ecp5_board


class Ecpix585Platform(Ecp5Platform, ECPIX585Platform):
    """The board with the LFE5UM5G-85F; the green parts of its four RGB LEDs serve as LEDs."""

    resources = (
        *(resource for resource in ECPIX585Platform.resources if resource.name != "rgb_led"),
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
    platform=Ecpix585Platform,
    clock_hz=100_000_000,
    phy=Phy(kind="rgmii", resource="eth_rgmii", control="ctrl", rx_delay_ps=0),
)
