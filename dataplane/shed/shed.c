/* Reads a SIP socket under overload and refuses new requests before Python sees them. See shed.h. */
#define _GNU_SOURCE
#include "shed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text { const char *at; size_t length; };

struct shedder {
    struct mmsghdr in[SHED_BATCH], out[SHED_BATCH];
    struct iovec in_parts[SHED_BATCH], out_parts[SHED_BATCH];
    struct sockaddr_in6 from[SHED_BATCH], to[SHED_BATCH];
    char answers[SHED_BATCH][SHED_ANSWER];
    uint64_t known[SHED_KNOWN]; /* hashes of the top Vias of requests that were let through */
    struct in6_addr trusted[SHED_TRUSTED];
    unsigned trusting;
    uint32_t number;
    char data[SHED_BATCH][SHED_LONGEST];
};

struct shedder *shed_new(void) {
    struct shedder *made = calloc(1, sizeof *made);
    if (!made) return NULL;
    for (int i = 0; i < SHED_BATCH; i++) {
        made->in_parts[i] = (struct iovec){made->data[i], SHED_LONGEST};
        made->out_parts[i] = (struct iovec){made->answers[i], 0};
        made->in[i].msg_hdr = (struct msghdr){.msg_iov = &made->in_parts[i], .msg_iovlen = 1};
        made->out[i].msg_hdr = (struct msghdr){.msg_iov = &made->out_parts[i], .msg_iovlen = 1};
    }
    return made;
}

void shed_free(struct shedder *shedder) { free(shedder); }

int shed_trust(struct shedder *shedder, const char *address) {
    struct in6_addr parsed = {0};
    struct in_addr four;
    if (inet_pton(AF_INET, address, &four) == 1) {
        parsed.s6_addr[10] = parsed.s6_addr[11] = 0xff;
        memcpy(&parsed.s6_addr[12], &four, 4);
    } else if (inet_pton(AF_INET6, address, &parsed) != 1) {
        return 0;
    }
    if (shedder->trusting == SHED_TRUSTED) return 0;
    shedder->trusted[shedder->trusting++] = parsed;
    return 1;
}

static int trusts(const struct shedder *shedder, const struct sockaddr_in6 *from) {
    struct in6_addr address = from->sin6_addr;
    if (from->sin6_family == AF_INET) {
        memset(&address, 0, sizeof address);
        address.s6_addr[10] = address.s6_addr[11] = 0xff;
        memcpy(&address.s6_addr[12], &((const struct sockaddr_in *)from)->sin_addr, 4);
    }
    for (unsigned i = 0; i < shedder->trusting; i++)
        if (!memcmp(&shedder->trusted[i], &address, sizeof address)) return 1;
    return 0;
}

static const char *find(struct text in, const char *what) { return memmem(in.at, in.length, what, strlen(what)); }

static int begins(struct text in, const char *what) {
    size_t length = strlen(what);
    return in.length >= length && !memcmp(in.at, what, length);
}

/* A header line in one of two spellings: the CRLF before it, without the one behind. */
static int line(struct text head, const char *usual, const char *other, struct text *found) {
    const char *begin = find(head, usual);
    if (!begin && other) begin = find(head, other);
    if (!begin) return 0;
    struct text rest = {begin + 2, head.length - (size_t)(begin + 2 - head.at)};
    const char *end = find(rest, "\r\n");
    if (!end) return 0;
    *found = (struct text){begin, (size_t)(end - begin)};
    return 1;
}

static int add(char *answer, size_t *at, const char *data, size_t length) {
    if (length > SHED_ANSWER - *at) return 0;
    memcpy(answer + *at, data, length);
    *at += length;
    return 1;
}

/* Where the sent-by of a top Via line ends and what it holds; 0: not plainly written. */
struct via { struct text host; int port; const char *rport; };

static int read_via(struct text via, struct via *found) {
    const char *colon = memchr(via.at + 2, ':', via.length - 2);
    if (!colon) return 0;
    const char *at = colon + 1, *end = via.at + via.length;
    while (at < end && (*at == ' ' || *at == '\t')) at++;
    struct text rest = {at, (size_t)(end - at)};
    if (!begins(rest, "SIP/2.0/UDP ")) return 0;
    at += strlen("SIP/2.0/UDP ");
    const char *comma = memchr(at, ',', (size_t)(end - at));
    if (comma) end = comma;
    if (memchr(at, ' ', (size_t)(end - at)) || memchr(at, '"', (size_t)(end - at)) ||
        memchr(at, '\t', (size_t)(end - at)))
        return 0;
    const char *params = memchr(at, ';', (size_t)(end - at));
    if (!params) params = end;
    const char *host_end = params, *digits = NULL;
    if (at < params && *at == '[') {
        const char *close = memchr(at, ']', (size_t)(params - at));
        if (!close) return 0;
        host_end = close + 1;
        if (host_end < params) {
            if (*host_end != ':') return 0;
            digits = host_end + 1;
        }
    } else {
        const char *mark = memchr(at, ':', (size_t)(params - at));
        if (mark) host_end = mark, digits = mark + 1;
    }
    if (host_end == at) return 0;
    int port = 5060;
    if (digits) {
        if (digits == params || params - digits > 5) return 0;
        for (port = 0; digits < params; digits++) {
            if (*digits < '0' || *digits > '9') return 0;
            port = 10 * port + (*digits - '0');
        }
        if (port < 1 || port > 65535) return 0;
    }
    found->host = (struct text){at, (size_t)(host_end - at)};
    found->port = port;
    found->rport = NULL;
    for (const char *each = params; each < end;) {
        const char *next = memchr(each + 1, ';', (size_t)(end - each - 1));
        if (!next) next = end;
        if (next - each == 6 && !memcmp(each, ";rport", 6)) {
            found->rport = next;
            break;
        }
        each = next;
    }
    return 1;
}

static uint64_t hash(struct text of) {
    uint64_t value = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < of.length; i++) value = (value ^ (unsigned char)of.at[i]) * 0x100000001b3u;
    return value | 1;
}

enum shed_verdict shed_judge(struct shedder *shedder, const char *data, size_t length,
                             const struct sockaddr_in6 *from, uint32_t admit[SHED_RANKS], uint32_t *refusals,
                             unsigned retry_after, char *answer, size_t *answer_length, int *port) {
    struct text all = {data, length};
    if (begins(all, "SIP/2.0 ") || begins(all, "CANCEL ")) return SHED_PASS;
    const char *blank = find(all, "\r\n\r\n");
    if (!blank) return SHED_PASS;
    struct text head = {data, (size_t)(blank - data) + 2};
    struct text to, sender, call_id, number, via;
    if (!line(head, "\r\nTo:", "\r\nt:", &to)) return SHED_PASS;
    if (begins(all, "ACK ")) return find(to, ";tag=busy.") ? SHED_ACK : SHED_PASS;
    if (find(to, "tag=") || find(to, "TAG") || find(to, "Tag")) return SHED_PASS;
    if (find(head, "\r\n ") || find(head, "\r\n\t")) return SHED_PASS;
    const char *via_name = "\r\nVia:";
    if (!line(head, via_name, NULL, &via)) {
        via_name = "\r\nv:";
        if (!line(head, via_name, NULL, &via)) return SHED_PASS;
    }
    struct via top;
    if (!line(head, "\r\nFrom:", "\r\nf:", &sender) || !line(head, "\r\nCall-ID:", "\r\ni:", &call_id) ||
        !line(head, "\r\nCSeq:", "\r\ncseq:", &number) || !read_via(via, &top))
        return SHED_PASS;
    const char *first_end = memmem(data, length, "\r\n", 2);
    if (find((struct text){data, (size_t)(first_end - data)}, "urn:service:sos")) return SHED_PASS;

    uint64_t key = hash(via);
    uint64_t *place = &shedder->known[key % SHED_KNOWN];
    if (*place == key) return SHED_PASS; /* perhaps a retransmission of what we work on: Python knows */
    struct text ignored;
    int rank = trusts(shedder, from) ? 0
               : line(head, "\r\nAuthorization:", "\r\nProxy-Authorization:", &ignored) ? 1 : 2;
    if (admit[rank]) {
        for (int i = rank; i < SHED_RANKS; i++)
            if (admit[i]) admit[i]--;
        *place = key;
        return SHED_PASS;
    }
    if (!*refusals) return SHED_DROP;
    --*refusals;

    char source[INET6_ADDRSTRLEN] = "", stamp[96];
    int source_port;
    if (from->sin6_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)from;
        inet_ntop(AF_INET, &four->sin_addr, source, sizeof source);
        source_port = ntohs(four->sin_port);
    } else {
        inet_ntop(AF_INET6, &from->sin6_addr, source, sizeof source);
        source_port = ntohs(from->sin6_port);
    }
    struct text host = top.host;
    if (*host.at == '[') host = (struct text){host.at + 1, host.length - 2};
    static const char status[] = "SIP/2.0 503 Service Unavailable";
    size_t at = 0;
    const char *cut = via.at + via.length;
    int stamped = 0;
    if (top.rport) { /* RFC 3581 §4 */
        stamped = snprintf(stamp, sizeof stamp, "=%d;received=%s", source_port, source);
        cut = top.rport;
    } else if (!(host.length == strlen(source) && !memcmp(host.at, source, host.length)) &&
               !memchr(via.at, ',', via.length)) { /* RFC 3261 §18.2.1 */
        stamped = snprintf(stamp, sizeof stamp, ";received=%s", source);
    }
    int fits = add(answer, &at, status, sizeof status - 1) && add(answer, &at, via.at, (size_t)(cut - via.at)) &&
               add(answer, &at, stamp, (size_t)stamped) &&
               add(answer, &at, cut, (size_t)(via.at + via.length - cut));
    struct text rest = {via.at + via.length, head.length - (size_t)(via.at + via.length - head.at)};
    for (struct text more; fits && line(rest, via_name, NULL, &more);) {
        fits = add(answer, &at, more.at, more.length);
        rest = (struct text){more.at + more.length, rest.length - (size_t)(more.at + more.length - rest.at)};
    }
    char tag[32], tail[64];
    int tag_length = snprintf(tag, sizeof tag, ";tag=busy.n%x", (unsigned)++shedder->number);
    int tail_length = snprintf(tail, sizeof tail, "\r\nRetry-After: %u\r\nContent-Length: 0\r\n\r\n", retry_after);
    fits = fits && add(answer, &at, sender.at, sender.length) && add(answer, &at, to.at, to.length) &&
           add(answer, &at, tag, (size_t)tag_length) && add(answer, &at, call_id.at, call_id.length) &&
           add(answer, &at, number.at, number.length) && add(answer, &at, tail, (size_t)tail_length);
    if (!fits) return SHED_DROP;
    *answer_length = at;
    *port = top.rport ? source_port : top.port;
    return SHED_REFUSE;
}

int shed_read(struct shedder *shedder, int socket, const uint32_t admit[SHED_RANKS], uint32_t refusals,
              unsigned retry_after, struct shed_outcome *outcome) {
    memset(outcome, 0, offsetof(struct shed_outcome, passed_on));
    uint32_t left[SHED_RANKS];
    memcpy(left, admit, sizeof left);
    for (int i = 0; i < SHED_BATCH; i++) {
        shedder->in[i].msg_hdr.msg_name = &shedder->from[i];
        shedder->in[i].msg_hdr.msg_namelen = sizeof shedder->from[i];
    }
    int got = recvmmsg(socket, shedder->in, SHED_BATCH, MSG_DONTWAIT, NULL);
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
    outcome->read = (uint32_t)got;
    int answers = 0;
    for (int i = 0; i < got; i++) {
        const struct sockaddr_in6 *from = &shedder->from[i];
        size_t length = shedder->in[i].msg_len, answer_length = 0;
        int port = 0;
        switch (shed_judge(shedder, shedder->data[i], length, from, left, &refusals, retry_after,
                           shedder->answers[answers], &answer_length, &port)) {
        case SHED_PASS: {
            struct shed_passed *passed = &outcome->passed_on[outcome->passed++];
            passed->data = shedder->data[i];
            passed->length = (uint32_t)length;
            if (from->sin6_family == AF_INET) {
                const struct sockaddr_in *four = (const struct sockaddr_in *)from;
                inet_ntop(AF_INET, &four->sin_addr, passed->host, sizeof passed->host);
                passed->port = ntohs(four->sin_port);
            } else {
                inet_ntop(AF_INET6, &from->sin6_addr, passed->host, sizeof passed->host);
                passed->port = ntohs(from->sin6_port);
                passed->scope = from->sin6_scope_id;
            }
            break;
        }
        case SHED_REFUSE:
            shedder->to[answers] = *from;
            if (from->sin6_family == AF_INET) ((struct sockaddr_in *)&shedder->to[answers])->sin_port = htons((uint16_t)port);
            else shedder->to[answers].sin6_port = htons((uint16_t)port);
            shedder->out[answers].msg_hdr.msg_name = &shedder->to[answers];
            shedder->out[answers].msg_hdr.msg_namelen = shedder->in[i].msg_hdr.msg_namelen;
            shedder->out_parts[answers].iov_len = answer_length;
            answers++;
            outcome->refused++;
            break;
        case SHED_DROP:
            outcome->dropped++;
            break;
        case SHED_ACK:
            outcome->acks++;
            break;
        }
    }
    for (int sent = 0; sent < answers;) {
        int now = sendmmsg(socket, shedder->out + sent, (unsigned)(answers - sent), MSG_DONTWAIT);
        if (now > 0) sent += now;
        else if (errno == EAGAIN || errno == EWOULDBLOCK) break; /* full: as good as lost on the way */
        else sent++; /* an ICMP error of an earlier one, or a place that cannot be reached */
    }
    return got;
}
