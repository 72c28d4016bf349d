"""What was measured of a network's accuracy, as tables for people and as JSON for programs."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from gen.ir.activations import finite
from gen.ir.ops import GlobalSum
from sim.accuracy import Job, Tally

NAMES = {"float": "float (ONNX Runtime)", "integers": "integers (golden model)"}


def tally_tables(job: Job, total: Tally, rate: float) -> list[Table]:
    """Top-1 and top-5; then, with a float network, the signal-to-noise ratio by tensor.

    Parameters
    ----------
    job : Job
    total : Tally
    rate : float
        Images a second.
    """
    title = f"{job.network.name}: {total.images} images, {rate:.1f} images/s"
    table = Table("", "top-1 %", "top-5 %", title=title, title_justify="left")
    for name, text in NAMES.items():
        if name in total.top1:
            top1, top5 = (f"{total.percent(h[name]):.2f}" for h in (total.top1, total.top5))
            table.add_row(text, top1, top5)
    if job.reference is None:
        return [table]
    table.add_row("same class from both", f"{total.percent(total.agree):.2f}", "")
    return [table, _ratios(job, total)]


def _ratios(job: Job, total: Tally) -> Table:
    table = Table("tensor", "shape", "weights", "signal to noise", title="integers against float")
    table.title_justify = "left"
    for name, ratio in total.decibels().items():
        op, shape = job.network.op(name), job.network.tensors[name].shape
        bits = f"{op.weight_bits} bits" if hasattr(op, "weight_bits") else ""
        text = "classes" if isinstance(op, GlobalSum) else " x ".join(map(str, shape))
        table.add_row(name, text, bits, f"{ratio:.1f} dB")
    return table


def tally_json(job: Job, total: Tally, rate: float) -> dict[str, Any]:
    """The same as plain data; a ratio that is not finite is None.

    Parameters
    ----------
    job : Job
    total : Tally
    rate : float
        Images a second.
    """
    entry: dict[str, Any] = {
        "network": job.network.name,
        "images": total.images,
        "images_per_second": rate,
    }
    for name in NAMES:
        if name in total.top1:
            entry[name] = {
                "top1": total.percent(total.top1[name]),
                "top5": total.percent(total.top5[name]),
            }
    if job.reference is not None:
        entry["agree"] = total.percent(total.agree)
        ratios = total.decibels()
        entry["signal_to_noise_db"] = {n: finite(r) for n, r in ratios.items()}
    return entry
