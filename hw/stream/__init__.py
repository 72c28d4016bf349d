"""Streams of channels, and what passes them on as they are."""
