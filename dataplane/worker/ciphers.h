/* SRTP contexts by number, of an owner each. Flows use them; several flows may use one, as the RTP and the RTCP of a leg
 * do. Given when calls begin, not per packet. */
#ifndef SEAWAY_CIPHERS_H
#define SEAWAY_CIPHERS_H

#include "srtp.h"

enum { MAX_CIPHERS = 65536 };

struct cipher {
    uint64_t id; /* not 0 */
    uint8_t owner;
    bool sends;
    bool kept; /* the owner knows it; else it goes with its last flow */
    uint32_t users; /* flows */
    struct cipher *next; /* in its hash chain */
    struct srtp *srtp;
};

struct cipher *cipher_find(uint8_t owner, uint64_t id);
/* The one that is there already when it has the same key; NULL: no room, no sense, or another key. */
struct cipher *cipher_keep(uint8_t owner, uint64_t id, const struct srtp_wish *wish);
/* The owner needs it no more. */
void cipher_leave(struct cipher *it);
/* A new process of this owner: what it does not keep again goes with its flows. */
void cipher_leave_all(uint8_t owner);
/* NULL is fine for both. */
void cipher_use(struct cipher *it);
void cipher_release(struct cipher *it);

#endif
