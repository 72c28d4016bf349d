"""Import, quantise, plan and emit: the generator."""
