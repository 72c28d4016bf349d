"""The golden model, and the generated hardware in Verilator."""
