/* Reads a SIP socket under overload and refuses new requests before Python sees them.
 *
 * One call reads what waits, at most SHED_BATCH datagrams. What may belong to work that was taken on is passed on:
 * responses, CANCEL, ACK, whatever has a tag in To, and what is not plainly written. Of the new requests as many are
 * passed on as the caller admits, by rank; the others get a 503 (RFC 3261 §21.5.4), or nothing when `refusals` are used
 * up. ACKs of our own 503 are swallowed. It decides nothing that `runtime/overload.py` does not decide as well: without
 * this library Python does the same, slower.
 */
#ifndef SEAWAY_SHED_H
#define SEAWAY_SHED_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <netinet/in.h>

enum { SHED_BATCH = 64, SHED_LONGEST = 65535, SHED_ANSWER = 8192, SHED_KNOWN = 65536, SHED_TRUSTED = 256, SHED_RANKS = 3 };
/* Ranks: 0 from a trusted address, 1 with credentials, 2 others. */

enum shed_verdict { SHED_PASS, SHED_REFUSE, SHED_DROP, SHED_ACK };

struct shed_passed {
    const char *data;
    uint32_t length, scope;
    uint16_t port;
    char host[46];
};

struct shed_outcome {
    uint32_t read, passed, refused, dropped, acks;
    struct shed_passed passed_on[SHED_BATCH];
};

struct shedder;
struct shedder *shed_new(void); /* NULL: no memory */
void shed_free(struct shedder *shedder);
int shed_trust(struct shedder *shedder, const char *address); /* 0: no address, or too many */

/* How many were read; 0: nothing waits; below 0: an error number. What is passed on is good until the next call. */
int shed_read(struct shedder *shedder, int socket, const uint32_t admit[SHED_RANKS], uint32_t refusals,
              unsigned retry_after, struct shed_outcome *outcome);

/* One datagram; for tests. */
enum shed_verdict shed_judge(struct shedder *shedder, const char *data, size_t length,
                             const struct sockaddr_in6 *from, uint32_t admit[SHED_RANKS], uint32_t *refusals,
                             unsigned retry_after, char *answer, size_t *answer_length, int *port);
#endif
