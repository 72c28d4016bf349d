"""``python -m host serve``: a live page and an HTTP API for a board that many share."""
