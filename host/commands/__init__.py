"""What ``python -m host`` does, a module a command."""
