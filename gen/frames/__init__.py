"""From photographs to frames, and from class sums to tables."""
