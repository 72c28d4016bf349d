"""How much hardware each layer gets, and what that costs on a board."""
