"""IP cores as folders: a core's Verilog and all that describes it to tools and people."""
