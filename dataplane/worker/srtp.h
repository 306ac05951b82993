/* SRTP and SRTCP under one master key in one direction (RFC 3711, RFC 6188, RFC 7714). The same rules as in the relay's
 * Python (core/srtp), so that a packet reads the same whichever way it took. */
#ifndef SEAWAY_SRTP_H
#define SEAWAY_SRTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum srtp_suite {
    SRTP_AES128_SHA1_80 = 1,
    SRTP_AES128_SHA1_32 = 2,
    SRTP_AES256_SHA1_80 = 3,
    SRTP_AES256_SHA1_32 = 4,
    SRTP_GCM128 = 5,
    SRTP_GCM256 = 6,
};
enum { SRTP_KEY = 48, SRTP_MKI = 16, SRTP_GROWTH = 16 + 4 + SRTP_MKI, SRTP_RECEIVED = 16, SRTP_SENT = 64 };

struct srtp;

/* Where a source is: the highest indexes seen or used, -1 for none. */
struct srtp_index {
    uint32_t ssrc;
    uint32_t zero;
    int64_t rtp;
    int64_t rtcp;
};

struct srtp_wish {
    uint8_t suite;
    uint8_t sends; /* 0 or 1 */
    uint8_t counters; /* rollover counters to try for a source that is new, from 0 on */
    uint8_t mki_size;
    uint8_t key[SRTP_KEY]; /* master key, then salt; zero behind them */
    uint8_t mki[SRTP_MKI];
};

/* Whether this worker was built with libcrypto. */
bool srtp_available(void);
/* NULL when the wish makes no sense or there is no memory. */
struct srtp *srtp_new(const struct srtp_wish *wish);
void srtp_free(struct srtp *it);
bool srtp_same(const struct srtp *it, const struct srtp_wish *wish);

/* Somebody else handled packets of a source up to these indexes. */
void srtp_learn(struct srtp *it, const struct srtp_index *index);
/* How many of `to` were written, at most SRTP_SENT. */
uint32_t srtp_indexes(const struct srtp *it, struct srtp_index *to);

/* The size of the packet in clear in `to` (NULL: it is only to be authentic), or 0: it does not count. The header was
 * checked; `to` has room for the packet. */
size_t srtp_open(struct srtp *it, bool rtcp, const uint8_t *data, size_t size, uint8_t *to);
/* In place, where there is room for SRTP_GROWTH more. 0: it must not be sent. */
size_t srtp_seal(struct srtp *it, bool rtcp, uint8_t *data, size_t size);

#endif
