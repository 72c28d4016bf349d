"""What is broadcast to all memories that hold a network's contents: a word a cycle at most."""

from amaranth.lib import data

LOAD = data.StructLayout({"enable": 1, "memory": 8, "column": 12, "row": 24, "word": 36})
"""A word for a row of a column of a memory, which :mod:`protocol.contents.image` describes."""
