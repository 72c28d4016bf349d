"""What hardware costs: memories, multipliers, and coefficients fitted to synthesis."""
