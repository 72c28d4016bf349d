"""The decoder of coded frames, as ``docs/coding.md`` says; its model is in :mod:`protocol.coding`.

But for the reader of bytes, all units are pipelines that move in step: whoever holds them enables
their clock domain for a step, and resets it between two frames.
"""
