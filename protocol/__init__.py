"""The packets between host and board: one description, from which both ends are built."""
