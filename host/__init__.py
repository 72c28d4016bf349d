"""The driver: frames to a board, classes back."""
