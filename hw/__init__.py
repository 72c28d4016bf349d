"""Hardware units in Amaranth, one a file, each with its integer model."""
