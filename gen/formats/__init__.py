"""Model files, read and written."""
