"""What the SqueezeNet paper's text says of members of its family.

F. N. Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model
size", arXiv:1602.07360v4: tables 2 and 3, and the text of sections 5.2 and 5.3. The sweep of
``pct_3x3`` there is at ``sr=0.5``. What can only be read off figures is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from gen.formats.family import Family

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Claim:
    """What the paper's text or tables say of a network, None where they say nothing.

    Attributes
    ----------
    megabytes : str or None
    top1, top5 : float or None
        Percent, on ImageNet's validation set, of the float network.
    """

    megabytes: str | None = None
    top1: float | None = None
    top5: float | None = None


CLAIMS = {
    Family(): Claim("4.8", 57.5, 80.3),
    Family(sr=0.5): Claim("13", top5=85.6),
    Family(sr=0.75): Claim("19", top5=86.0),
    Family(bypass="simple"): Claim("4.8", 60.4, 82.5),
    Family(bypass="complex"): Claim("7.7", 58.8, 82.0),
}
"""By member; of others the paper's text says nothing."""


def claim(family: Family) -> Claim:
    """What the paper says of a member."""
    return CLAIMS.get(family, Claim())
