/* Commands: each checks the whole request before it changes anything. */
#include "commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ciphers.h"
#include "relay.h"
#include "sockets.h"
#include "table.h"

void answer_begin(struct answer *it, uint8_t operation)
{
    it->size = sizeof it->message.reply;
    it->fd = -1;
    it->close_fd = false;
    it->message.reply = (struct reply){.operation = operation, .status = STATUS_DONE};
}

void answer_refuse(struct answer *it, const char *text)
{
    size_t length = strnlen(text, MAX_TEXT);
    it->message.reply.status = STATUS_REFUSED;
    memcpy(it->message.body, text, length);
    it->size = sizeof it->message.reply + length;
}

void answer_drop(struct answer *it)
{
    if (it->fd >= 0 && it->close_fd)
        close(it->fd);
    it->fd = -1;
}

static void append(struct answer *it, const void *data, size_t size)
{
    memcpy(it->message.body + (it->size - sizeof it->message.reply), data, size);
    it->size += size;
}

static void unknown(struct answer *it)
{
    it->message.reply.status = STATUS_UNKNOWN;
}

/* -- ports */

static void attach(uint8_t owner, const struct request *request, const struct address *local, int *descriptor,
                   struct answer *answer)
{
    char text[MAX_TEXT];
    const char *unfit;
    if (request->a < PORT_PLAIN || request->a > PORT_MUX || !address_unicast(local)) {
        answer_refuse(answer, "a port needs a kind and a unicast address");
        return;
    }
    if (*descriptor < 0) {
        answer_refuse(answer, "no socket came along; raise the limit of open files of the worker");
        return;
    }
    if ((unfit = socket_unfit(*descriptor, local)) != NULL) {
        answer_refuse(answer, unfit);
        return;
    }
    uint32_t known = port_find(owner, local);
    if (known != NONE) { /* again after an adoption: fine when it is the same */
        if (ports[known].kind != request->a || !socket_same(ports[known].fd, *descriptor))
            answer_refuse(answer, "another socket of this address is attached; detach it first");
        return;
    }
    uint32_t index = port_add(owner, request->a, local, *descriptor);
    if (index == NONE) {
        snprintf(text, sizeof text, "the worker has all %u sockets it may have", table.max_ports);
        answer_refuse(answer, text);
        return;
    }
    int taken = *descriptor;
    *descriptor = -1;
    if (!socket_serve(taken, local->family, index)) {
        port_remove(index);
        answer_refuse(answer, "the socket cannot be watched; raise the limits of the system");
    }
}

static void detach(uint8_t owner, const struct address *local, struct answer *answer)
{
    uint32_t index = port_find(owner, local);
    if (index == NONE)
        unknown(answer);
    else
        port_remove(index);
}

static void fetch(uint8_t owner, const struct address *local, struct answer *answer)
{
    uint32_t index = port_find(owner, local);
    if (index == NONE)
        unknown(answer);
    else
        answer->fd = ports[index].fd; /* sending duplicates it */
}

static void list_ports(uint8_t owner, uint32_t from, struct answer *answer)
{
    uint32_t told = 0;
    for (uint32_t i = from; i < table.ports_high; i++) {
        if (ports[i].fd < 0 || ports[i].owner != owner)
            continue;
        if (told++ == PAGE) {
            answer->message.reply.number = i;
            return;
        }
        struct wire_port entry = {.local = ports[i].local, .kind = ports[i].kind};
        append(answer, &entry, sizeof entry);
    }
}

/* -- flows */

/* NULL and the key, or what is wrong with it. */
static const char *read_key(uint8_t owner, const struct wire_key *wire, struct flow_key *key)
{
    if (!address_valid(&wire->local) || !address_unicast(&wire->remote))
        return "malformed key";
    key->port = port_find(owner, &wire->local);
    if (key->port == NONE)
        return "the flow's local address is not attached";
    if (wire->local.family != wire->remote.family)
        return "the flow's key mixes IPv4 and IPv6";
    if (wire->has_prefix != (ports[key->port].kind != PORT_PLAIN))
        return wire->has_prefix ? "a plain port has no prefix" : "a port of this kind needs a prefix";
    if (ports[key->port].kind == PORT_CHANNEL && (wire->prefix < CHANNEL_FIRST || wire->prefix > CHANNEL_LAST))
        return "a channel is from 0x4000 to 0x7fff";
    key->prefix = wire->has_prefix ? wire->prefix : 0;
    key->remote = wire->remote;
    return NULL;
}

static const char *read_way_out(uint8_t owner, const struct wire_flow *wire, struct flow_wish *wish)
{
    if (!address_valid(&wire->out_local) || !address_unicast(&wire->out_remote))
        return "the flow's way out is no unicast address";
    wish->out_port = port_find(owner, &wire->out_local);
    if (wish->out_port == NONE)
        return "the flow's outgoing address is not attached";
    if (wire->out_local.family != wire->out_remote.family)
        return "the flow's way out mixes IPv4 and IPv6";
    if (wire->add_kind != 0 && wire->add_kind != PORT_CHANNEL && wire->add_kind != PORT_MUX)
        return "what is put in front is a channel or a multiplexID";
    if (wire->add_kind == PORT_CHANNEL && (wire->add < CHANNEL_FIRST || wire->add > CHANNEL_LAST))
        return "a channel is from 0x4000 to 0x7fff";
    wish->out_remote = wire->out_remote;
    wish->add_kind = wire->add_kind;
    wish->add = wire->add;
    return NULL;
}

static const char *read_kind(const struct wire_flow *wire, struct flow_wish *wish)
{
    if (wire->kind < FLOW_MEDIA || wire->kind > FLOW_RTP)
        return "a flow is of media, data or RTP alone";
    if (wire->clock_count > RTP_CLOCKS || wire->clock == 0)
        return "a flow has a clock and at most 4 more";
    wish->kind = wire->kind;
    wish->clocks.usual = wire->clock;
    wish->clocks.count = wire->clock_count;
    for (uint32_t i = 0; i < wire->clock_count; i++) {
        if (wire->hertz[i] == 0 || wire->payload_type[i] > 127)
            return "a clock needs a payload type up to 127 and a rate";
        wish->clocks.hertz[i] = wire->hertz[i];
        wish->clocks.payload_type[i] = wire->payload_type[i];
    }
    return NULL;
}

static const char *read_ciphers(uint8_t owner, const struct wire_flow *wire, struct flow_wish *wish)
{
    wish->receive = wire->receive != 0 ? cipher_find(owner, wire->receive) : NULL;
    wish->send = wire->send != 0 ? cipher_find(owner, wire->send) : NULL;
    wish->verify = wire->verify != 0;
    if ((wire->receive != 0 && (wish->receive == NULL || wish->receive->sends)) ||
        (wire->send != 0 && (wish->send == NULL || !wish->send->sends)))
        return "the flow's SRTP context is not there";
    if (wire->verify > 1 || (wish->verify && (wish->receive == NULL || wish->send != NULL)))
        return "to verify is to have a key of the far side and none of ours";
    if (wire->kind == FLOW_DATA && (wish->receive != NULL || wish->send != NULL))
        return "only media has SRTP contexts";
    return NULL;
}

static void add(uint8_t owner, const struct wire_flow *wire, struct answer *answer)
{
    char text[MAX_TEXT];
    struct flow_wish wish;
    memset(&wish, 0, sizeof wish);
    const char *wrong = read_key(owner, &wire->key, &wish.key);
    if (wrong == NULL)
        wrong = read_way_out(owner, wire, &wish);
    if (wrong == NULL)
        wrong = read_kind(wire, &wish);
    if (wrong == NULL)
        wrong = read_ciphers(owner, wire, &wish);
    if (wrong == NULL && flow_put(&wish) == NULL) {
        snprintf(text, sizeof text, "the worker has all %u flows it may have", table.max_flows);
        wrong = text;
    }
    if (wrong != NULL)
        answer_refuse(answer, wrong);
}

static struct flow *find(uint8_t owner, const struct wire_key *wire)
{
    struct flow_key key;
    memset(&key, 0, sizeof key);
    return read_key(owner, wire, &key) == NULL ? flow_find(&key) : NULL;
}

static void count(uint8_t owner, const struct wire_key *wire, bool remove, struct answer *answer)
{
    struct flow *flow = find(owner, wire);
    if (flow == NULL) {
        unknown(answer);
        return;
    }
    const struct rtp_stats *stats = &flow->stats;
    struct wire_counters counters = {
        .packets = stats->packets, .octets = stats->octets, .rtcp_packets = stats->rtcp_packets,
        .lost = rtp_lost(stats), .reordered = stats->reordered, .last_seen = stats->last_seen,
        .jitter_ms = stats->jitter_ms, .max_gap_ms = stats->max_gap * 1000,
        .unauthenticated = stats->unauthenticated,
    };
    append(answer, &counters, sizeof counters);
    if (remove)
        flow_remove(flow);
}

static void list_keys(uint8_t owner, uint32_t from, struct answer *answer)
{
    uint32_t told = 0;
    for (uint32_t i = from; i < table.flows_high; i++) {
        const struct flow *flow = &flows[i];
        if (!flow->used || ports[flow->key.port].owner != owner)
            continue;
        if (told++ == PAGE) {
            answer->message.reply.number = i;
            return;
        }
        const struct port *port = &ports[flow->key.port];
        struct wire_key key = {
            .local = port->local, .remote = flow->key.remote, .prefix = flow->key.prefix,
            .has_prefix = port->kind != PORT_PLAIN,
        };
        append(answer, &key, sizeof key);
    }
}

/* -- SRTP contexts */

static void keep_cipher(uint8_t owner, const struct wire_cipher *wire, struct answer *answer)
{
    if (!srtp_available()) {
        answer_refuse(answer, "the worker was built without libcrypto; install libssl-dev and build the package again");
        return;
    }
    struct cipher *it = wire->count <= SRTP_SENT ? cipher_keep(owner, wire->id, &wire->wish) : NULL;
    if (it == NULL) {
        answer_refuse(answer, "no such SRTP context can be had");
        return;
    }
    for (uint32_t i = 0; i < wire->count; i++)
        srtp_learn(it->srtp, &wire->known[i]);
}

static void tell_indexes(uint8_t owner, uint64_t id, bool leave, struct answer *answer)
{
    static struct srtp_index indexes[SRTP_SENT];
    struct cipher *it = cipher_find(owner, id);
    if (it == NULL) {
        unknown(answer);
        return;
    }
    append(answer, indexes, srtp_indexes(it->srtp, indexes) * sizeof *indexes);
    if (leave)
        cipher_leave(it);
}

/* A packet of the slow path: the context's indexes are here. */
static void transform(uint8_t owner, uint8_t how, const uint8_t *body, size_t size, struct answer *answer)
{
    uint64_t id;
    if (size < sizeof id || size > MAX_BODY - SRTP_GROWTH || how > (TRANSFORM_RTCP | TRANSFORM_VERIFY)) {
        answer_refuse(answer, "malformed request");
        return;
    }
    memcpy(&id, body, sizeof id);
    const uint8_t *data = body + sizeof id;
    size_t length = size - sizeof id, made = 0;
    struct cipher *it = cipher_find(owner, id);
    bool rtcp = how & TRANSFORM_RTCP;
    if (it != NULL && rtp_classify(data, length) == (rtcp ? PACKET_RTCP : PACKET_RTP)) {
        uint8_t *to = answer->message.body;
        if (it->sends) {
            memcpy(to, data, length);
            made = srtp_seal(it->srtp, rtcp, to, length);
        } else {
            made = srtp_open(it->srtp, rtcp, data, length, how & TRANSFORM_VERIFY ? NULL : to);
        }
    }
    if (made == 0)
        unknown(answer);
    else if (!(how & TRANSFORM_VERIFY))
        answer->size += made;
}

static void tell_totals(struct answer *answer)
{
    struct wire_totals all = {
        .passed = totals.passed, .up = totals.up, .up_dropped = totals.up_dropped, .unowned = totals.unowned,
        .send_failed = totals.send_failed, .reads = totals.reads, .ports = table.ports_used,
        .flows = table.flows_used, .siblings = table.siblings_used,
    };
    append(answer, &all, sizeof all);
}

/* -- */

static size_t body_size(uint8_t operation)
{
    switch (operation) {
    case OP_ATTACH:
    case OP_DETACH:
    case OP_FETCH:
        return sizeof(struct address);
    case OP_ADD:
        return sizeof(struct wire_flow);
    case OP_REMOVE:
    case OP_READ:
        return sizeof(struct wire_key);
    case OP_CIPHER:
        return sizeof(struct wire_cipher);
    case OP_UNCIPHER:
    case OP_INDEXES:
        return sizeof(uint64_t);
    default:
        return 0;
    }
}

void command(uint8_t owner, const struct request *request, const uint8_t *body, size_t size, int *descriptor,
             struct answer *answer)
{
    union {
        struct address address;
        struct wire_key key;
        struct wire_flow flow;
        struct wire_cipher cipher;
        uint64_t id;
    } read;
    if (request->operation == OP_TRANSFORM) {
        transform(owner, request->a, body, size, answer);
        return;
    }
    if (size != body_size(request->operation)) {
        answer_refuse(answer, "malformed request");
        return;
    }
    memset(&read, 0, sizeof read);
    memcpy(&read, body, size);
    switch (request->operation) {
    case OP_ATTACH:
        attach(owner, request, &read.address, descriptor, answer);
        break;
    case OP_DETACH:
        detach(owner, &read.address, answer);
        break;
    case OP_ADD:
        add(owner, &read.flow, answer);
        break;
    case OP_REMOVE:
    case OP_READ:
        count(owner, &read.key, request->operation == OP_REMOVE, answer);
        break;
    case OP_KEYS:
        list_keys(owner, request->number, answer);
        break;
    case OP_PORTS:
        list_ports(owner, request->number, answer);
        break;
    case OP_FETCH:
        fetch(owner, &read.address, answer);
        break;
    case OP_CIPHER:
        keep_cipher(owner, &read.cipher, answer);
        break;
    case OP_UNCIPHER:
    case OP_INDEXES:
        tell_indexes(owner, read.id, request->operation == OP_UNCIPHER, answer);
        break;
    case OP_TOTALS:
        tell_totals(answer);
        break;
    default:
        answer_refuse(answer, "unknown request");
    }
}
