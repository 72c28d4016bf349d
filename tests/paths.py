"""Where tests find what is beside them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
"""Real networks and images, which firebrick does not ship; tests that need them skip without."""
