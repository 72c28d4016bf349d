"""Multipliers, adders and the memories of their operands."""
