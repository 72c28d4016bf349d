"""AXI4-Lite and AXI4-Stream around an accelerator: the IP core."""
