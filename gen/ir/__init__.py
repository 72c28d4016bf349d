"""Networks as data, in float and in integers, and what follows from them alone."""
