"""The kinds of node that a network's hardware is made of, a file each, and the graph of them."""
