"""Between the host and the accelerator: bytes, packets, frames."""
