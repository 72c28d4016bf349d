"""What the README shows of a report."""

from bench.chain import excerpts

REPORT = """net on board

 layer  cycles
 conv1      12

 resource  planned
 ─────────────────
 LUT            12

Links

 link   with     raw
 ───────────────────
 UART, 6 Mbaud  12.0

frames/s
"""


def test_tables_of_resources_and_links():
    told = list(excerpts(REPORT))
    assert [line.split()[0] for line in told] == [
        *("resource", "─" * 17, "LUT"), *("link", "─" * 19, "UART,"),
    ]  # fmt: skip
