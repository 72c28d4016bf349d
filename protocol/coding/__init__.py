"""Frames in fewer bytes than they have pixels: the coder, and the decoder's model.

``docs/coding.md`` is the specification.
"""
