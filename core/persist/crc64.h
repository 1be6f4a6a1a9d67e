/* crc64: the checksum of RDB files and DUMP payloads (the reflected Jones polynomial, from 0). Any thread. */
#ifndef KEVY_CRC64_H
#define KEVY_CRC64_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of what `crc` is the checksum of, and these bytes behind it. Begin with 0. */
uint64_t crc64(uint64_t crc, const void *bytes, size_t len);

#endif
