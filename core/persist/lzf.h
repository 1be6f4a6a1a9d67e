/* lzf: the compression in which Redis keeps long strings of an RDB file. Pure functions, any caller.
 *
 *     000LLLLL                      L + 1 bytes follow as they are
 *     LLLOOOOO oooooooo             L + 2 bytes again from O:o + 1 bytes back (L: 1-6)
 *     111OOOOO LLLLLLLL oooooooo    L + 9 bytes again */
#ifndef KEVY_LZF_H
#define KEVY_LZF_H

#include "../base.h"

/* Whether so many bytes can be what `packed` bytes unpack to: asked before memory for them is. */
static inline bool lzf_plausible(uint64_t packed, uint64_t plain) { return plain / 88 <= packed; }

/* Unpacks; false unless the input is well-formed and gives exactly plain_len bytes. O(plain_len). */
bool lzf_unpack(const char *packed, size_t packed_len, char *plain, size_t plain_len);

#endif
