// A simulator of the design in which cocotb runs, as one translation unit.

#include "Vtop__ALL.cpp"
#include "verilator.cpp"  // cocotb's main

namespace {
// A copy of the process would lack the pool's threads, and wait for their end for ever.
const bool no_thread_pool = (Verilated::threadContextp()->threads(1), true);
}  // namespace
