"""From a plan to hardware, and to the files that a bitstream is built from."""
