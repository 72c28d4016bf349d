"""What a board's memories hold of a network, and how it is sent to them."""
