"""Stand-ins for the slow tools that make bitstreams, and what they leave behind."""

import json
from pathlib import Path

CLOCK = "$glbnet$board.receiver.clk"


def stand_in(folder: Path, name: str, *lines: str) -> None:
    """Puts a shell script of that name into a folder."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o755)


def nextpnr_report(**clocks: tuple[float, float]) -> str:
    """What nextpnr-ecp5 writes: clocks as reached and as wanted, a path, use of the device."""
    path = [
        ("clk-to-q", 0.5, "a_FF", "Q", "a_FF", "Q"),
        ("routing", 2.0, "a_FF", "Q", "b_LUT4", "A"),
        ("logic", 0.25, "b_LUT4", "A", "b_LUT4", "F"),
        ("setup", 0.0, "b_FF", "DI", "b_FF", "DI"),
    ]
    return json.dumps(
        {
            "fmax": {
                name: {"achieved": reached, "constraint": wanted}
                for name, (reached, wanted) in (clocks or {CLOCK: (81.25, 80.0)}).items()
            },
            "critical_paths": [
                {
                    "from": f"posedge {CLOCK}",
                    "to": f"posedge {CLOCK}",
                    "path": [
                        {
                            "type": kind,
                            "delay": delay,
                            "from": {"cell": cell, "port": port, "loc": [1, 2]},
                            "to": {"cell": to, "port": to_port, "loc": [3, 4]},
                            **({"net": "a"} if kind == "routing" else {}),
                        }
                        for kind, delay, cell, port, to, to_port in path
                    ],
                }
            ],
            "utilization": {
                "TRELLIS_COMB": {"used": 500, "available": 83640},
                "TRELLIS_FF": {"used": 600, "available": 83640},
                "MULT18X18D": {"used": 7, "available": 156},
                "DP16KD": {"used": 9, "available": 208},
            },
        }
    )


def stand_in_nextpnr(folder: Path, report: str) -> None:
    """Puts an nextpnr-ecp5 that finds this, and an ecppack, into a folder."""
    (folder.parent / "found.json").write_text(report)
    stand_in(
        folder,
        "nextpnr-ecp5",
        'echo "$@" > nextpnr.arguments',
        "echo 'Info: Packing constants..'",
        "echo 'Info: Creating initial analytic placement for 10 cells'",
        "echo 'Info: Routing globals...'",
        "echo 'Info:       1000 |      339        660 |  339   660 |         8|    4.06    4.06|'",
        "echo 'Info:       2000 |      582       1417 |  243   757 |         2|    0.70    4.75|'",
        "touch top.config",
        f'cp "{folder.parent / "found.json"}" timing.json',
    )
    stand_in(folder, "ecppack", 'for last; do :; done; echo made > "$last"')


TIMING = """
------------------------------------------------------------------------------------------------
| Design Timing Summary
| ---------------------
------------------------------------------------------------------------------------------------

    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)      THS(ns)  \
THS Failing Endpoints  THS Total Endpoints     WPWS(ns)     TPWS(ns)  TPWS Failing Endpoints  \
TPWS Total Endpoints
    -------      -------  ---------------------  -------------------      -------      -------  \
---------------------  -------------------     --------     --------  ----------------------  \
--------------------
      {setup}        0.000                      0                  420        {hold}        0.000  \
                    0                  420        2.225        0.000                       0  \
                 245


------------------------------------------------------------------------------------------------
| Clock Summary
| -------------
------------------------------------------------------------------------------------------------

Clock                   Waveform(ns)         Period(ns)      Frequency(MHz)
-----                   ------------         ----------      --------------
clk100_0__io            {{0.000 5.000}}        10.000          100.000
  mmcm_feedback         {{0.000 5.000}}        10.000          100.000
  clk                   {{0.000 6.250}}        12.500          80.000
eth_mii_0__rx_clk__io   {{0.000 20.000}}       40.000          25.000


------------------------------------------------------------------------------------------------
| Intra Clock Table
| -----------------
------------------------------------------------------------------------------------------------

Clock                       WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints  \
WHS(ns)      THS(ns)  THS Failing Endpoints  THS Total Endpoints     WPWS(ns)     TPWS(ns)  \
TPWS Failing Endpoints  TPWS Total Endpoints
-----                       -------      -------  ---------------------  -------------------  \
-------      -------  ---------------------  -------------------     --------     --------  \
----------------------  --------------------
clk100_0__io                                                                                  \
                                                                        3.000        0.000  \
                     0                     1
  mmcm_feedback                                                                                \
                                                                        8.408        0.000  \
                     0                     3
  clk                         {setup}        0.000                      0                  420  \
{hold}        0.000                      0                  420        2.225        0.000  \
                     0                   245
eth_mii_0__rx_clk__io        30.000        0.000                      0                   40  \
0.200        0.000                      0                   40       19.225        0.000  \
                     0                    25


------------------------------------------------------------------------------------------------
| Inter Clock Table
| -----------------
"""
"""The part that counts of what ``report_timing_summary`` writes, with slacks to fill in."""

UTILISATION = """
1. Slice Logic
--------------

+----------------------------+-------+-------+------------+-----------+-------+
|          Site Type         |  Used | Fixed | Prohibited | Available | Util% |
+----------------------------+-------+-------+------------+-----------+-------+
| Slice LUTs                 | 39924 |     0 |          0 |     63400 | 62.97 |
|   LUT as Logic             | 38000 |     0 |          0 |     63400 | 59.94 |
| Slice Registers            | 71883 |     0 |          0 |    126800 | 56.69 |
+----------------------------+-------+-------+------------+-----------+-------+

3. Memory
---------

| Block RAM Tile    | 113.5 |     0 |          0 |       135 | 84.07 |
|   RAMB36/FIFO*    |    90 |     0 |          0 |       135 | 66.67 |

4. DSP
------

| DSPs           |  197 |     0 |          0 |       240 | 82.08 |
|   DSP48E1 only |  197 |       |            |           |       |
"""
"""As ``report_utilization`` has it."""


def stand_in_vivado(folder: Path, *, setup: float = 1.5, hold: float = 0.05) -> None:
    """Puts a vivado that finds these slacks into a folder; like the script, it refuses some."""
    for name, text in (
        ("timing.rpt", TIMING.format(setup=f"{setup:.3f}", hold=f"{hold:.3f}")),
        ("utilization.rpt", UTILISATION),
    ):
        (folder.parent / name).write_text(text)
    met = setup >= 0 and hold >= 0
    stand_in(
        folder,
        "vivado",
        'echo "$@" > vivado.arguments',
        "echo 'Starting synth_design'",
        "echo 'Starting Placer Task'",
        "echo 'Starting Routing Task'",
        f"cp {folder.parent}/timing.rpt {folder.parent}/utilization.rpt .",
        "echo made > top.bit" if met else "echo 'ERROR: timing is not met'; exit 3",
    )
