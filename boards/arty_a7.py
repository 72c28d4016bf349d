"""Digilent Arty A7, with an XC7A100T (``arty_a7``) or an XC7A35T (``arty_a7_35``)."""

from amaranth.build import Attrs, Pins, Platform, Resource
from amaranth_boards.arty_a7 import ArtyA7_35Platform, ArtyA7_100Platform

from boards.board import Phy
from boards.parts import board_with
from boards.seven_series import QUAD_FLASH, SevenSeriesPlatform


def _resources(platform: type[Platform]) -> list[Resource]:
    """Those of a platform, but the clock for the PHY is ours to give, and no clock of ours."""
    kept = [resource for resource in platform.resources if not resource.name.startswith("eth_clk")]
    return [*kept, Resource("eth_clk25", 0, Pins("G18", dir="o"), Attrs(IOSTANDARD="LVCMOS33"))]


class ArtyA7Platform(SevenSeriesPlatform, ArtyA7_100Platform):
    """The board with the XC7A100T."""

    device = "xc7a100t"
    speed = "1"
    resources = _resources(ArtyA7_100Platform)
    bitstream_settings = QUAD_FLASH


class ArtyA735Platform(SevenSeriesPlatform, ArtyA7_35Platform):
    """The board with the XC7A35T."""

    device = "xc7a35t"
    speed = "1"
    resources = _resources(ArtyA7_35Platform)
    bitstream_settings = QUAD_FLASH


PHY = Phy(kind="mii", resource="eth_mii", reference="eth_clk25")

ARTY_A7 = board_with(
    "xc7a100tcsg324-1",
    name="arty_a7",
    title="Digilent Arty A7-100T",
    loader="arty_a7_100t",
    idcode=0x0363_1093,
    platform=ArtyA7Platform,
    phy=PHY,
)

ARTY_A7_35 = board_with(
    "xc7a35tcsg324-1",
    name="arty_a7_35",
    title="Digilent Arty A7-35T",
    loader="arty_a7_35t",
    idcode=0x0362_D093,
    platform=ArtyA735Platform,
    phy=PHY,
)
