"""What has nothing to do with networks: errors, files, consoles, progress, a solver."""
