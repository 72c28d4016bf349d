"""Sweeps over the SqueezeNet paper's family: which of its networks fit which board, how fast."""
