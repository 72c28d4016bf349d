// A compiled design behind a small C interface, so that Python pays per frame and not per cycle.
//
// Verilator makes the class Vtop of bench.v and the design in it.

#include <cstdint>
#include <memory>
#include <vector>

#include "Vtop.h"
#include "verilated.h"
#if VM_TRACE_FST
#include "verilated_fst_c.h"
#endif

namespace {

constexpr int kResetCycles = 8;

// xorshift64*: stalls need to be cheap and repeatable, no more.
struct Random {
    uint64_t state = 1;

    // True with probability chance / 65536.
    bool hit(uint32_t chance) {
        if (chance == 0) return false;
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return ((state * 0x2545F4914F6CDD1DULL) >> 48) < chance;
    }
};

struct Simulation {
    std::unique_ptr<VerilatedContext> context = std::make_unique<VerilatedContext>();
    std::unique_ptr<Vtop> top;
    uint64_t cycle = 0;
    Random random;
    uint32_t stall_i = 0;
    uint32_t stall_o = 0;
    uint64_t bucket = 0;          // cycles that are counted together; none are if 0
    std::vector<uint32_t> counts;  // of each watched bit in each bucket, a bucket after another
    bool offered = false;  // a byte was shown and not taken: the hold rule forbids withdrawing it
#if VM_TRACE_FST
    std::unique_ptr<VerilatedFstC> waves;
#endif

    Simulation() {
        context->traceEverOn(VM_TRACE != 0);
        top = std::make_unique<Vtop>(context.get(), "top");
    }

    ~Simulation() {
        close_waves();
        top->final();
    }

    // Let the inputs settle; what the design shows now counts for this cycle.
    void settle() {
        top->clk = 0;
        top->eval();
        dump();
    }

    // Count the watched bits that are 1 in this cycle.
    void count() {
#ifdef WATCH
        if (bucket == 0) return;
        const size_t start = cycle / bucket * WATCH;
        if (counts.size() <= start) counts.resize(start + WATCH);
        const auto* words = reinterpret_cast<const uint32_t*>(&top->watch);
        for (int bit = 0; bit < WATCH; ++bit) {
            counts[start + bit] += words[bit / 32] >> (bit % 32) & 1;
        }
#endif
    }

    // The rising edge.
    void step() {
        context->timeInc(1);
        top->clk = 1;
        top->eval();
        dump();
        context->timeInc(1);
        ++cycle;
    }

    void reset() {
        top->i_valid = 0;
        top->i_payload = 0;
        top->o_ready = 0;
        top->reset = 1;
        for (int n = 0; n < kResetCycles; ++n) {
            settle();
            step();
        }
        top->reset = 0;
        settle();
        step();  // the reset's own register
        cycle = 0;
        offered = false;
    }

    void dump() {
#if VM_TRACE_FST
        if (waves) waves->dump(context->time());
#endif
    }

    void close_waves() {
#if VM_TRACE_FST
        if (waves) {
            waves->close();
            waves.reset();
        }
#endif
    }
};

}  // namespace

extern "C" {

// What a run takes and what it has done; the same layout as _Transfer in simulator.py.
struct firebrick_transfer {
    const uint8_t* in;
    uint64_t in_length;
    uint64_t in_done;
    uint8_t* out;
    uint64_t* stamps;  // the cycle in which each output byte left
    uint64_t out_length;
    uint64_t out_done;
    uint64_t idle;  // cycles since a byte moved on either stream
};

Simulation* firebrick_create() { return new Simulation; }

void firebrick_destroy(Simulation* s) { delete s; }

void firebrick_reset(Simulation* s) { s->reset(); }

uint64_t firebrick_cycle(const Simulation* s) { return s->cycle; }

// Count watched bits from now on, `bucket` cycles together.
void firebrick_watch(Simulation* s, uint64_t bucket) { s->bucket = bucket; }

// How many counts there are, and where.
uint64_t firebrick_counts(const Simulation* s, const uint32_t** counts) {
    *counts = s->counts.data();
    return s->counts.size();
}

// Chances are parts in 65536 that a stream pauses in a cycle.
void firebrick_stall(Simulation* s, uint64_t seed, uint32_t stall_i, uint32_t stall_o) {
    s->random.state = seed * 2 + 1;
    s->stall_i = stall_i;
    s->stall_o = stall_o;
}

// Run until all bytes are out, and in when `drain`, or for `cycles`, or until none moved for `idle`.
void firebrick_run(Simulation* s, firebrick_transfer* t, uint64_t cycles, uint64_t idle,
                   bool drain) {
    Vtop& top = *s->top;
    const uint64_t end = s->cycle + cycles;
    while (s->cycle != end && t->idle < idle &&
           (t->out_done < t->out_length || (drain && t->in_done < t->in_length))) {
        const bool more = t->in_done < t->in_length;
        top.i_valid = more && (s->offered || !s->random.hit(s->stall_i));
        if (more) top.i_payload = t->in[t->in_done];
        top.o_ready = t->out_done < t->out_length && !s->random.hit(s->stall_o);
        s->settle();
        s->count();
        const bool taken = top.i_valid && top.i_ready;
        const bool given = top.o_valid && top.o_ready;
        if (taken) ++t->in_done;
        if (given) {
            t->out[t->out_done] = top.o_payload;
            t->stamps[t->out_done++] = s->cycle;
        }
        s->offered = top.i_valid && !taken;
        t->idle = taken || given ? 0 : t->idle + 1;
        s->step();
    }
}

// 1 when waves are recorded from now on, 0 when the library was built without them.
int firebrick_open_waves(Simulation* s, const char* path) {
#if VM_TRACE_FST
    s->close_waves();
    s->waves = std::make_unique<VerilatedFstC>();
    s->top->trace(s->waves.get(), 99);
    s->waves->open(path);
    return s->waves->isOpen();
#else
    (void)s;
    (void)path;
    return 0;
#endif
}

}  // extern "C"
