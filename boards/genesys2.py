"""Digilent Genesys 2, with a Kintex-7 325T."""

from amaranth_boards.genesys2 import Genesys2Platform as LibraryPlatform

from boards.board import Phy
from boards.bridge import FT232R
from boards.parts import board_with
from boards.seven_series import SevenSeriesPlatform


class Genesys2Platform(SevenSeriesPlatform, LibraryPlatform):
    """The board; its oscillator is differential, 200 MHz."""


GENESYS2 = board_with(
    "xc7k325tffg900-2",
    name="genesys2",
    title="Digilent Genesys 2",
    loader="genesys2",
    idcode=0x0365_1093,
    platform=Genesys2Platform,
    bridge=FT232R,
    # The PHY delays its receive clock itself, by half a bit; RGMII 2.0 then promises data that are
    # steady for 1.0 ns on both sides of each edge at the FPGA (TsetupR, TholdR). The taps make up
    # for the clock's longer way to the input registers, over its buffer.
    phy=Phy(kind="rgmii", resource="eth_rgmii", rx_delay_taps=26, rx_margin_ns=1.0),
)
