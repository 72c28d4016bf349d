"""The layers of a network, and what they are made of."""
