"""Training of the networks that ship with firebrick; needs torch, which firebrick does not."""
