"""The clock that a synthesised netlist is good for, estimated before it is placed."""
