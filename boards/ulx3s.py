"""Radiona ULX3S, with an LFE5U-85F (``ulx3s_85``)."""

from amaranth.build import Attrs
from amaranth.hdl import Module
from amaranth.lib import io
from amaranth_boards.resources import UARTResource
from amaranth_boards.ulx3s import ULX3S_85F_Platform

from boards.bridge import FT231X
from boards.ecp5 import Ecp5Platform
from boards.parts import board_with


class Ulx3s85Platform(Ecp5Platform, ULX3S_85F_Platform):
    """The board with the LFE5U-85F; its oscillator gives 25 MHz, and it has no reset button.

    Its receive line is pulled up: with no power on the USB bridge, it would be a break else.
    """

    resources = (
        *(resource for resource in ULX3S_85F_Platform.resources if resource.name != "uart"),
        UARTResource(0, rx="M1", tx="L4", attrs=Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP")),
    )

    def hold_pins(self, m: Module) -> None:
        """Keep ``gpio0`` of the ESP32 high; low, it may reboot and load another bitstream."""
        pin = self.request("esp32", 0, dir="-").gpio0
        m.submodules.esp32_gpio0 = buffer = io.Buffer("o", pin)
        m.d.comb += buffer.o.eq(1)


ULX3S_85 = board_with(
    "LFE5U-85F-6BG381",
    name="ulx3s_85",
    title="Radiona ULX3S 85F",
    loader="ulx3s",
    idcode=0x4111_3043,
    platform=Ulx3s85Platform,
    clock_hz=80_000_000,
    bridge=FT231X,
)
