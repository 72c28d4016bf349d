"""LambdaConcept ECPIX-5, with an LFE5UM5G-85F (``ecpix5_85``)."""

from amaranth.build import Attrs
from amaranth_boards.ecpix5 import ECPIX585Platform
from amaranth_boards.resources import LEDResources

from boards.board import Board
from boards.ecp5 import ECP5_85, Ecp5Platform


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


ECPIX5_85 = Board(
    name="ecpix5_85",
    title="LambdaConcept ECPIX-5 85F",
    part="LFE5UM5G-85F-8BG554",
    resources=ECP5_85,
    clock_hz=100_000_000,
    baud=1_000_000,
    platform=Ecpix585Platform,
    family="ecp5",
)
