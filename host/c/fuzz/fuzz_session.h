/* fuzz_session.h - what libFuzzer calls.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef FUZZ_SESSION_H
#define FUZZ_SESSION_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
