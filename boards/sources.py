"""What a board's build scripts read beside ``top.il``, and how the open ones place and route."""

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


KEEP_COPIES = "setattr -set keep 1 w:* a:keep %i %ci1:+[Q] t:$*dff* %i"
"""Yosys command that keeps copies of a register apart: of equal registers it leaves one, unless the
cell itself says ``keep``, where a design says so of the wire that the register drives."""
TIMING_NOT_MET = 3
"""Exit status of a build script whose design is too slow."""

_PLACE_AND_ROUTE = """\
# Shows how fast each clock can be, and whether all are fast enough. nextpnr tells it after
# placement and again after routing, which is what counts.
timing_met() {{
    awk -F "'" '
        / frequency for clock/ {{
            split($3, told, /[^A-Z0-9.]+/)  # ": 87.80 MHz (FAIL at 100.00 MHz)"
            reached[$2] = told[2]; verdict[$2] = told[4]; wanted[$2] = told[5]
        }}
        END {{
            for (clock in reached) {{
                found = 1
                printf "clock %s: %s MHz of %s wanted", clock, reached[clock], wanted[clock]
                if (verdict[clock] != "PASS") {{
                    slow = 1
                    printf ", %.1f %% too slow", 100 * (1 - reached[clock] / wanted[clock])
                }}
                printf "\\n"
            }}
            exit slow || !found
        }}
    ' nextpnr.log >&2
}}
[ "$#" -gt 0 ] || set -- 1
met=no
for seed; do
    echo "placing and routing from seed $seed" >&2
    {command} --timing-allow-fail --seed "$seed" --log nextpnr.log
    if timing_met; then
        met=yes
        break
    fi
done
if [ "$met" = no ]; then
    echo "No bitstream: timing is not met. Try other SEEDs; for the accelerator's own clock a" >&2
    echo "lower --clock; for one of Ethernet's, whose rate is given, a smaller design (--fps)." >&2
    exit {status}
fi
"""


def place_and_route(command: str) -> str:
    """Lines of a shell script that run nextpnr, from each seed in ``$@`` until timing is met.

    They end the script with :data:`TIMING_NOT_MET` where it is met from none.

    Parameters
    ----------
    command : str
        nextpnr and its options, but for seed and log.
    """
    return _PLACE_AND_ROUTE.format(command=command, status=TIMING_NOT_MET)
