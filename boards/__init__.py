"""The boards that firebrick knows."""
