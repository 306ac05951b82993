/* Callers and callee of the overload benchmark: complete calls over UDP at a given rate, whatever the subject does.
 *
 * calls HOST PORT CALLER CALLEE PHASE...
 * A phase is `open:RATE:SECONDS` (calls per second) or `closed:CALLS:SECONDS` (so many calls at once). Each phase prints
 * one line: offered completed refused answered inside_failed unanswered sent, counted while it lasted. Callers
 * retransmit INVITE and BYE as RFC 3261 says (T1 0.5 s), acknowledge refusals, and hold an answered call for HOLD.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 1 << 20, SLOTS = 4096, SLOT_MS = 10, SIZE = 2048, BATCH = 64, KEPT = 700 };
#define HOLD 0.5

enum state { UNUSED, CALLING, PROCEEDING, TALKING, ENDING, OVER };
enum timer { AGAIN_INVITE, HANG_UP, AGAIN_BYE, AGAIN_OK };

struct call {
    uint8_t state, tries, ok_tries, ok_acked;
    char *kept; /* caller: ACK and BYE from "To:" on, and the Request-URI and routes */
    char *ok;   /* callee: its 200 */
};

struct entry { uint32_t call; uint8_t timer; };
struct slot { struct entry *entries; int count, room; };

static struct call *calls;
static uint32_t made;
static struct slot slots[SLOTS];
static int64_t slot_now; /* absolute number of the next slot to fire */
static int caller, callee, stamp; /* `stamp` tells the calls of one run from those of another */
static struct sockaddr_in subject;
static const char *caller_host, *callee_host, *subject_host;
static int subject_port;
static long offered, completed, refused, answered, inside_failed, unanswered, sent, active;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void after(double seconds, uint32_t call, enum timer timer) {
    int64_t at = (int64_t)((now() + seconds) * 1000 / SLOT_MS);
    if (at < slot_now) at = slot_now;
    if (at >= slot_now + SLOTS) at = slot_now + SLOTS - 1;
    struct slot *slot = &slots[at % SLOTS];
    if (slot->count == slot->room) {
        slot->room = slot->room ? 2 * slot->room : 64;
        slot->entries = realloc(slot->entries, slot->room * sizeof *slot->entries);
    }
    slot->entries[slot->count++] = (struct entry){call, timer};
}

static void put(int socket, const char *data, int length) {
    sent++;
    sendto(socket, data, length, 0, (struct sockaddr *)&subject, sizeof subject);
}

static const char SDP[] = "v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                          "m=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

static void invite(uint32_t n) {
    char text[SIZE];
    int length = snprintf(text, sizeof text,
        "INVITE sip:u%u@%s:%d SIP/2.0\r\nVia: SIP/2.0/UDP %s:5070;branch=z9hG4bK-i%u.%d\r\nMax-Forwards: 70\r\n"
        "From: <sip:c@%s>;tag=c%u\r\nTo: <sip:u%u@%s>\r\nCall-ID: n%u@%d\r\nCSeq: 1 INVITE\r\n"
        "Contact: <sip:c@%s:5070>\r\nContent-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
        n, subject_host, subject_port, caller_host, n, stamp, caller_host, n, n, subject_host, n, stamp, caller_host,
        sizeof SDP - 1, SDP);
    put(caller, text, length);
}

static void inside(uint32_t n, const char *method) {
    /* kept: "uri\0routes and To line" */
    const char *uri = calls[n].kept, *rest = uri + strlen(uri) + 1;
    char text[SIZE];
    int length = snprintf(text, sizeof text,
        "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s:5070;branch=z9hG4bK-%c%u.%d\r\nMax-Forwards: 70\r\n%s"
        "From: <sip:c@%s>;tag=c%u\r\nCall-ID: n%u@%d\r\nCSeq: %d %s\r\nContent-Length: 0\r\n\r\n",
        method, uri, caller_host, *method == 'A' ? 'a' : 'b', n, stamp, rest, caller_host, n, n, stamp,
        *method == 'A' ? 1 : 2, method);
    put(caller, text, length);
}

static void begin(void) {
    if (made == MOST) { fprintf(stderr, "calls: too many calls\n"); exit(1); }
    uint32_t n = made++;
    calls[n].state = CALLING;
    offered++, active++;
    invite(n);
    after(0.5, n, AGAIN_INVITE);
}

static void over(uint32_t n) {
    calls[n].state = OVER;
    free(calls[n].kept);
    calls[n].kept = NULL;
    active--;
}

static const char *line(const char *data, const char *name) { /* with CRLF before it */
    const char *found = strstr(data, name);
    return found ? found + 2 : NULL;
}

static int until_end(const char *text) { return (int)(strstr(text, "\r\n") - text); }

static void keep(uint32_t n, const char *data) {
    const char *contact = line(data, "\r\nContact: <"), *to = line(data, "\r\nTo:");
    if (!contact || !to) return;
    contact += strlen("Contact: <");
    char *text = malloc(KEPT);
    int at = (int)(strchr(contact, '>') - contact);
    memcpy(text, contact, at);
    text[at++] = 0;
    const char *routes[8];
    int count = 0;
    for (const char *each = data; count < 8 && (each = line(each, "\r\nRecord-Route:")); ) routes[count++] = each;
    while (count--) {
        const char *value = routes[count] + strlen("Record-Route:");
        at += snprintf(text + at, KEPT - at, "Route:%.*s\r\n", until_end(value), value);
    }
    at += snprintf(text + at, KEPT - at, "%.*s\r\n", until_end(to), to);
    calls[n].kept = text;
}

static void refuse_ack(uint32_t n, const char *data) {
    const char *to = line(data, "\r\nTo:");
    if (!to) return;
    char text[SIZE];
    int length = snprintf(text, sizeof text,
        "ACK sip:u%u@%s:%d SIP/2.0\r\nVia: SIP/2.0/UDP %s:5070;branch=z9hG4bK-i%u.%d\r\nMax-Forwards: 70\r\n"
        "From: <sip:c@%s>;tag=c%u\r\n%.*s\r\nCall-ID: n%u@%d\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
        n, subject_host, subject_port, caller_host, n, stamp, caller_host, n, until_end(to), to, n, stamp);
    put(caller, text, length);
}

static int number(const char *data, uint32_t *n) {
    const char *id = line(data, "\r\nCall-ID: n");
    if (!id) return 0;
    char *end;
    *n = (uint32_t)strtoul(id + strlen("Call-ID: n"), &end, 10);
    return *end == '@' && strtol(end + 1, NULL, 10) == stamp && *n < made; /* not of an earlier run */
}

static void to_caller(const char *data) {
    uint32_t n;
    if (strncmp(data, "SIP/2.0 ", 8) || !number(data, &n)) return;
    struct call *call = &calls[n];
    int status = atoi(data + 8);
    const char *cseq = line(data, "\r\nCSeq: ");
    int of_bye = cseq && strstr(cseq, "BYE") && strstr(cseq, "BYE") < cseq + 20;
    if (of_bye) {
        if (status < 200 || call->state != ENDING) return;
        if (status < 300) completed++; else inside_failed++;
        over(n);
        return;
    }
    if (status < 200) {
        if (call->state == CALLING) call->state = PROCEEDING;
    } else if (status < 300) {
        if (call->state == CALLING || call->state == PROCEEDING) {
            keep(n, data);
            if (!call->kept) return;
            call->state = TALKING;
            answered++;
            after(HOLD, n, HANG_UP);
        }
        if (call->kept) inside(n, "ACK");
    } else {
        refuse_ack(n, data);
        if (call->state == CALLING || call->state == PROCEEDING) {
            refused++;
            over(n);
        }
    }
}

static void copy(char *text, int *at, const char *data, const char *name) {
    for (const char *each = data; (each = line(each, name)); )
        *at += snprintf(text + *at, SIZE - *at, "%.*s\r\n", until_end(each), each);
}

static void to_callee(const char *data) {
    uint32_t n;
    if (!number(data, &n)) return;
    struct call *call = &calls[n];
    if (!strncmp(data, "ACK ", 4)) {
        call->ok_acked = 1;
        free(call->ok);
        call->ok = NULL;
        return;
    }
    int of_invite = !strncmp(data, "INVITE ", 7);
    if (!of_invite && strncmp(data, "BYE ", 4)) return;
    if (of_invite && call->ok) { put(callee, call->ok, (int)strlen(call->ok)); return; }
    char text[SIZE];
    int at = snprintf(text, sizeof text, "SIP/2.0 200 OK\r\n");
    copy(text, &at, data, "\r\nVia:");
    copy(text, &at, data, "\r\nFrom:");
    const char *to = line(data, "\r\nTo:");
    if (!to) return;
    at += snprintf(text + at, SIZE - at, "%.*s%s\r\n", until_end(to), to, of_invite ? ";tag=u" : "");
    copy(text, &at, data, "\r\nCall-ID:");
    copy(text, &at, data, "\r\nCSeq:");
    if (of_invite) {
        copy(text, &at, data, "\r\nRecord-Route:");
        at += snprintf(text + at, SIZE - at,
            "Contact: <sip:u@%s:5060>\r\nContent-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s", callee_host,
            sizeof SDP - 1, SDP);
        call->ok = strdup(text);
        after(0.5, n, AGAIN_OK);
    } else {
        at += snprintf(text + at, SIZE - at, "Content-Length: 0\r\n\r\n");
    }
    put(callee, text, at);
}

static void fire(struct entry entry) {
    struct call *call = &calls[entry.call];
    switch (entry.timer) {
    case AGAIN_INVITE:
        if (call->state != CALLING) return;
        if (++call->tries == 7) { unanswered++; over(entry.call); return; }
        invite(entry.call);
        after(0.5 * (1 << call->tries), entry.call, AGAIN_INVITE);
        return;
    case HANG_UP:
        call->state = ENDING;
        call->tries = 0;
        inside(entry.call, "BYE");
        after(0.5, entry.call, AGAIN_BYE);
        return;
    case AGAIN_BYE:
        if (call->state != ENDING) return;
        if (++call->tries == 11) { inside_failed++; over(entry.call); return; }
        inside(entry.call, "BYE");
        after(call->tries >= 3 ? 4 : 0.5 * (1 << call->tries), entry.call, AGAIN_BYE);
        return;
    case AGAIN_OK:
        if (!call->ok) return;
        if (++call->ok_tries == 11) { free(call->ok); call->ok = NULL; return; }
        put(callee, call->ok, (int)strlen(call->ok));
        after(call->ok_tries >= 3 ? 4 : 0.5 * (1 << call->ok_tries), entry.call, AGAIN_OK);
        return;
    }
}

static int receive(int socket, void (*take)(const char *)) {
    static char data[BATCH][SIZE];
    static struct iovec parts[BATCH];
    static struct mmsghdr messages[BATCH];
    for (int i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){data[i], SIZE - 1};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    int got = recvmmsg(socket, messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < got; i++) {
        data[i][messages[i].msg_len] = 0;
        take(data[i]);
    }
    return got > 0 ? got : 0;
}

static int bound(const char *host, int port) {
    int made_socket = socket(AF_INET, SOCK_DGRAM, 0), size = 8 << 20;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &address.sin_addr);
    setsockopt(made_socket, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    setsockopt(made_socket, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    if (bind(made_socket, (struct sockaddr *)&address, sizeof address)) { perror("calls: bind"); exit(1); }
    return made_socket;
}

static void phase(const char *text) {
    double amount, seconds;
    char kind[8];
    if (sscanf(text, "%7[a-z]:%lf:%lf", kind, &amount, &seconds) != 3) { fprintf(stderr, "calls: %s?\n", text); exit(2); }
    int open = !strcmp(kind, "open");
    double started = now(), due = 0;
    offered = completed = refused = answered = inside_failed = unanswered = sent = 0;
    for (;;) {
        double at = now() - started;
        if (at >= seconds) break;
        int busy = receive(caller, to_caller) + receive(callee, to_callee);
        int64_t slot = (int64_t)(now() * 1000 / SLOT_MS);
        for (; slot_now <= slot; slot_now++) {
            struct slot due_slot = slots[slot_now % SLOTS];
            slots[slot_now % SLOTS] = (struct slot){0};
            for (int i = 0; i < due_slot.count; i++) fire(due_slot.entries[i]);
            free(due_slot.entries);
        }
        if (open) {
            for (int i = 0; due < at * amount && i < BATCH; i++, due++) begin(), busy++;
        } else {
            for (int i = 0; active < (long)amount && i < BATCH; i++) begin(), busy++;
        }
        if (!busy) usleep(100);
    }
    printf("%ld %ld %ld %ld %ld %ld %ld\n", offered, completed, refused, answered, inside_failed, unanswered, sent);
    fflush(stdout);
}

int main(int count, char **words) {
    if (count < 6) { fprintf(stderr, "calls HOST PORT CALLER CALLEE PHASE...\n"); return 2; }
    subject_host = words[1], subject_port = atoi(words[2]), caller_host = words[3], callee_host = words[4];
    subject = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(subject_port)};
    inet_pton(AF_INET, subject_host, &subject.sin_addr);
    caller = bound(caller_host, 5070), callee = bound(callee_host, 5060);
    calls = calloc(MOST, sizeof *calls);
    slot_now = (int64_t)(now() * 1000 / SLOT_MS);
    stamp = (int)getpid();
    for (int i = 5; i < count; i++) phase(words[i]);
    return 0;
}
