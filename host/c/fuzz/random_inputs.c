/* random_inputs.c - the harness of the fuzzer without libFuzzer: inputs from a seed.
 *
 *     fuzz_random SEED RUNS
 *
 * Half of the inputs are random, and half are scripts in which a board mostly says what it should,
 * so that they get behind the greeting.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz_session.h"

#include <stdio.h>
#include <stdlib.h>

#define MOST_BYTES 2048u

static uint32_t next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

int main(int count, char **arguments)
{
    static uint8_t input[MOST_BYTES];
    if (count != 3) {
        (void)fprintf(stderr, "error: give fuzz_random SEED RUNS\n");
        return 2;
    }
    uint32_t state = 2u * (uint32_t)strtoul(arguments[1], NULL, 10) + 1u;
    const unsigned long runs = strtoul(arguments[2], NULL, 10);
    for (unsigned long run = 0; run < runs; run++) {
        const size_t size = next(&state) % MOST_BYTES;
        for (size_t at = 0; at < size; at++) {
            input[at] = (uint8_t)(next(&state) >> 9);
        }
        if (run % 2u == 1u && size > 16u) {
            input[1] = 3u << 5; /* the answer to the reset */
            input[2] = 4u << 5; /* what the board is */
            input[10] = 0;      /* as it should be */
            input[11] = 0;      /* a frame */
        }
        (void)LLVMFuzzerTestOneInput(input, size);
    }
    (void)printf("%lu inputs\n", runs);
    return 0;
}
