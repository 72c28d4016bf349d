"""Behaves like openFPGALoader, as far as text and exit status go.

What it says is in its source, of 0.10 (Debian 12) and of August 2026. ``case.json`` beside the
script says what is plugged in; its arguments go to ``calls.jsonl``.
"""

import json
import sys
from pathlib import Path

NO_CABLE = "unable to open ftdi device: -3 (device not found)"
NO_PERMISSION = "unable to open ftdi device: -4 (usb_open() failed)"
BUSY = (
    "unable to open ftdi device: -5 (unable to claim usb device. Make sure the default FTDI "
    "driver is not in use)"
)
MISMATCH = (
    "mismatch between target's idcode and bitstream idcode\n"
    "\tbitstream has 0x81113043 hardware requires 0x41113043\n"
    "Error: Failed to program FPGA: std::exception"
)
ARTY = {"idcode": 0x3631093, "model": "xc7a100", "done": 1}


def main(folder: Path) -> int:
    """Do as the case says; returns the exit status."""
    case = json.loads((folder / "case.json").read_text())
    with (folder / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps(sys.argv[1:]) + "\n")
    if "cable" in case:
        print(case["cable"], file=sys.stderr)
        print("JTAG init failed with: unable to open ftdi device", file=sys.stderr)
        return 1
    if "--detect" in sys.argv:
        detect(case)
        return 0
    print("Jtag frequency : requested 10.00MHz  -> real 10.00MHz\nOpen file DONE\nParse file DONE")
    if "program" in case:
        print(case["program"], file=sys.stderr)
        return 1
    load("Writing" if "--write-flash" in sys.argv else "Load SRAM", case["done"])
    return 0


def detect(case: dict) -> None:
    """Say what is on the cable; of an empty one, nothing, and that is no failure."""
    if case["idcode"]:
        print(f"index 0:\n\tidcode 0x{case['idcode']:x}\n\tmanufacturer xilinx")
        print(f"\tfamily artix\n\tmodel  {case['model']}\n\tirlength 6")


def load(phase: str, done: int) -> None:
    """Draw a bar as it does away from a terminal, and say how the FPGA is."""
    for percent in (0, 50, 100):
        print(f"\r{phase}: [{'=' * (percent // 2):50}] {percent:.2f}%", flush=True)
    print(f"\nDone\nShift IR 35\nir: 1 isc_done {done} isc_ena 0 init 1 done {done}")


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parent))
