// Stands in for the LZ4 library where Verilator's FST writer is compiled: a small greedy compressor
// for LZ4's block format, after the format's public description.
//
// A block is a row of sequences: a token with two 4-bit lengths, more length bytes, literals, a
// 2-byte distance, more length bytes. The last sequence has literals only: the last five bytes, at
// least, and no match starts within the last twelve.

#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

namespace lz4_block {

constexpr int kMinMatch = 4;
constexpr int kLastLiterals = 5;
constexpr int kMatchMargin = 12;
constexpr int kMaxDistance = 65535;
constexpr int kHashBits = 14;

inline uint32_t read32(const char* p) {
    uint32_t value;
    std::memcpy(&value, p, sizeof value);
    return value;
}

// The part of a length that does not fit the token's four bits.
inline char* put_length(char* to, int length) {
    if (length < 15) return to;
    for (length -= 15; length >= 255; length -= 255) *to++ = static_cast<char>(255);
    *to++ = static_cast<char>(length);
    return to;
}

inline char* put_literals(char* to, const char* from, int count, int match_code) {
    *to++ = static_cast<char>((count < 15 ? count : 15) << 4 | (match_code < 15 ? match_code : 15));
    to = put_length(to, count);
    std::memcpy(to, from, count);
    return to + count;
}

inline int compress(const char* from, char* to, int size) {
    std::vector<int> seen(1 << kHashBits, -1);  // the last position of a hash of four bytes
    char* const start = to;
    int done = 0;
    for (int at = 0; at < size - kMatchMargin;) {
        const uint32_t word = read32(from + at);
        int& slot = seen[word * 2654435761U >> (32 - kHashBits)];
        const int match = slot;
        slot = at;
        if (match < 0 || at - match > kMaxDistance || read32(from + match) != word) {
            ++at;
            continue;
        }
        int length = kMinMatch;
        while (at + length < size - kLastLiterals && from[match + length] == from[at + length])
            ++length;
        to = put_literals(to, from + done, at - done, length - kMinMatch);
        *to++ = static_cast<char>((at - match) & 255);
        *to++ = static_cast<char>((at - match) >> 8);
        to = put_length(to, length - kMinMatch);
        at += length;
        done = at;
    }
    return static_cast<int>(put_literals(to, from + done, size - done, 0) - start);
}

}  // namespace lz4_block

inline int LZ4_compressBound(int size) { return size + size / 255 + 16; }

// The writer always brings room for LZ4_compressBound(size) bytes.
inline int LZ4_compress_default(const char* from, char* to, int size, int) {
    return lz4_block::compress(from, to, size);
}
