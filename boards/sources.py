"""What a board's build scripts read beside ``top.il``, and how they end."""

from collections.abc import Iterable, Iterator


def sources(verilog: Iterable[str]) -> Iterator[str]:
    """Yosys commands that read the design, and Verilog of others that it instantiates.

    Parameters
    ----------
    verilog : iterable of str
        Names of files beside ``top.il``.
    """
    for name in verilog:
        yield f"read_verilog {name}"
    yield "read_rtlil top.il"


CHECK_TIMING = """\
# nextpnr tells all clocks after placement and again after routing, which is what counts.
if ! awk -F "'" '
    / frequency for clock/ {
        split($3, told, /[^A-Z0-9.]+/)  # ": 87.80 MHz (FAIL at 100.00 MHz)"
        reached[$2] = told[2]; verdict[$2] = told[4]; wanted[$2] = told[5]
    }
    END {
        for (clock in reached) {
            many = 1
            printf "clock %s: %s MHz of %s wanted", clock, reached[clock], wanted[clock]
            if (verdict[clock] != "PASS") {
                slow = 1
                printf ", %.1f %% too slow", 100 * (1 - reached[clock] / wanted[clock])
            }
            printf "\\n"
        }
        exit slow || !many
    }
' nextpnr.log >&2; then
    echo "No bitstream: timing is not met. Try another SEED; for the accelerator's own clock a" >&2
    echo "lower --clock; for one of Ethernet's, whose rate is given, a smaller design (--fps)." >&2
    exit 3
fi
"""
"""Shell: shows each clock that ``nextpnr.log`` tells of, and ends with 3 if one is too slow."""
