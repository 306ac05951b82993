/* Fuzz target of the worker's packet path: an input is a list of steps, each a command of a client or one read of
 * datagrams. The worker's own table.c, commands.c, relay.c, outgoing.c and rtp.c run; world.c is around them.
 * What SRTP makes of a packet is not predicted: it has to be bounded, and to go where the flow goes. */
#include <stdlib.h>
#include <string.h>

#include "../worker/ciphers.h"
#include "../worker/commands.h"
#include "../worker/relay.h"
#include "world.h"

enum { OWNER = 1, PORTS = 5, REMOTES = 4, BATCH = 8, STEPS = 64, ALL_FLOWS = 64, CIPHERS = 4, LONGEST = 1500 };

struct input {
    const uint8_t *at;
    size_t left;
};

static struct srtp *far_side[CIPHERS]; /* who seals what the worker opens, by the worker's key */

static const uint8_t kinds[PORTS] = {PORT_PLAIN, PORT_PLAIN, PORT_CHANNEL, PORT_MUX, PORT_PLAIN};

static uint8_t take(struct input *from)
{
    if (from->left == 0)
        return 0;
    from->left--;
    return *from->at++;
}

static uint32_t take_half(struct input *from)
{
    uint32_t high = take(from);
    return high << 8 | take(from);
}

static void take_all(struct input *from, void *to, size_t size)
{
    size_t there = size < from->left ? size : from->left;
    memset(to, 0, size);
    if (there > 0)
        memcpy(to, from->at, there);
    from->at += there;
    from->left -= there;
}

/* The last port has IPv6. */
static struct address local(uint32_t port)
{
    struct address it = {.family = port == PORTS - 1 ? 6 : 4, .port = htons((uint16_t)(2000 + port))};
    it.ip[0] = 10;
    it.ip[3] = 1;
    return it;
}

static struct address remote(uint32_t of_port, uint32_t number)
{
    struct address it = local(of_port);
    it.port = htons(4000);
    it.ip[3] = (uint8_t)(2 + number % REMOTES);
    return it;
}

/* -- steps */

static void ask(uint8_t operation, uint8_t a, const void *body, size_t size, int fd)
{
    static struct answer answer;
    struct request request = {.operation = operation, .a = a};
    answer_begin(&answer, operation);
    command(OWNER, &request, body, size, &fd, &answer);
    if (answer.size < sizeof answer.message.reply || answer.size > sizeof answer.message)
        abort();
}

static struct wire_key take_key(struct input *from)
{
    uint8_t choice = take(from);
    uint32_t port = (choice & 15) % PORTS;
    struct wire_key key = {.local = local(port), .remote = remote(port, choice >> 4)};
    if (kinds[port] == PORT_CHANNEL)
        key.prefix = 0x4000 + (take(from) & 3);
    else if (kinds[port] == PORT_MUX)
        key.prefix = take(from);
    key.has_prefix = kinds[port] != PORT_PLAIN;
    return key;
}

static void add_flow(struct input *from)
{
    struct wire_flow flow = {.key = take_key(from)};
    uint8_t way = take(from), what = take(from);
    uint32_t port = (way & 15) % PORTS;
    flow.out_local = local(port);
    flow.out_remote = remote(port, way >> 4);
    flow.kind = what & 1 ? FLOW_DATA : way & 16 ? FLOW_RTP : FLOW_MEDIA;
    flow.add_kind = (uint8_t[]){0, PORT_CHANNEL, PORT_MUX, 0}[what >> 1 & 3];
    flow.add = flow.add_kind == PORT_CHANNEL ? 0x4000 + (what >> 3) : take_half(from) * 65537;
    flow.clock = what & 0x80 ? take_half(from) * 65537u : 8000;
    flow.clock_count = what >> 5 & 3;
    for (uint32_t i = 0; i < flow.clock_count; i++) {
        flow.payload_type[i] = take(from);
        flow.hertz[i] = take_half(from);
    }
    if (what & 0x10) {
        uint8_t ciphers = take(from);
        flow.receive = (ciphers & 7) % (CIPHERS + 1);
        flow.send = (ciphers >> 3 & 7) % (CIPHERS + 1);
        flow.verify = ciphers >> 6 & 1;
    }
    ask(OP_ADD, 0, &flow, sizeof flow, -1);
}

/* SRTP contexts 1 to CIPHERS, the odd ones of which receive. */
static void add_cipher(struct input *from)
{
    static const uint8_t sizes[] = {0, 30, 30, 46, 46, 28, 44};
    uint8_t choice = take(from);
    uint32_t number = choice % CIPHERS;
    struct wire_cipher cipher = {.id = number + 1};
    cipher.wish.sends = number & 1;
    cipher.wish.suite = (choice >> 2) % 8;
    cipher.wish.mki_size = choice & 0x80 ? 4 : 0;
    cipher.wish.counters = choice & 0x40 ? 8 : 1;
    if (cipher.wish.suite > 0 && cipher.wish.suite < sizeof sizes)
        memset(cipher.wish.key, 0x30 + (int)number, sizes[cipher.wish.suite]);
    memset(cipher.wish.mki, 0x77, cipher.wish.mki_size);
    if (choice & 0x20) {
        cipher.count = 1;
        cipher.known[0] = (struct srtp_index){.ssrc = take_half(from), .rtp = take_half(from) * 65536, .rtcp = take(from)};
    }
    ask(OP_CIPHER, 0, &cipher, sizeof cipher, -1);
    if (far_side[number] == NULL && !cipher.wish.sends) {
        cipher.wish.sends = true;
        far_side[number] = srtp_new(&cipher.wish);
    }
}

static void ask_transform(struct input *from)
{
    struct {
        uint64_t id;
        uint8_t packet[LONGEST];
    } body = {.id = 1 + take(from) % CIPHERS};
    uint8_t how = take(from);
    size_t size = take(from);
    take_all(from, body.packet, size);
    ask(OP_TRANSFORM, how & 7, &body, sizeof body.id + size, -1);
}

static void ask_anything(struct input *from)
{
    uint8_t body[sizeof(struct wire_cipher)];
    uint8_t operation = take(from), a = take(from), size = take(from);
    size_t length = size < 128 ? size % (sizeof body + 1) : sizeof body;
    take_all(from, body, length);
    ask(operation, a, body, length, -1);
}

static void take_datagram(struct input *from, uint32_t port, struct datagram *it)
{
    uint8_t choice = take(from);
    struct address source = remote(port, choice & 3);
    memset(&it->source, 0, sizeof it->source);
    if ((choice & 0xc) != 0xc)
        address_to(&it->source, &source);
    it->segment = 0;
    if (choice & 0x10)
        it->segment = choice & 0x20 ? (int)(take_half(from) << 16) : take(from);
    it->size = choice & 0x40 ? take_half(from) : take(from);
    if (it->size < 0xc000)
        it->size &= 0x7ff; /* most are short, as that is fast */
    if (it->segment > 0 && it->size / (size_t)it->segment > 256)
        it->size = (size_t)it->segment * 256;
    it->data = from->at;
    it->data_size = choice & 0x80 ? take(from) : it->size;
    if (it->data_size > from->left)
        it->data_size = from->left;
    from->at += it->data_size;
    from->left -= it->data_size;
}

/* Seal a packet as the far side of a context does. */
static void seal(struct datagram *it, uint32_t number)
{
    static uint8_t sealed[BATCH][LONGEST + SRTP_GROWTH];
    static uint32_t next;
    uint8_t *to = sealed[next++ % BATCH];
    enum packet_class class = rtp_classify(it->data, it->data_size);
    if (far_side[number] == NULL || class == PACKET_OTHER || it->data_size > LONGEST)
        return;
    memcpy(to, it->data, it->data_size);
    size_t size = srtp_seal(far_side[number], class == PACKET_RTCP, to, it->data_size);
    if (size == 0)
        return;
    it->data = to;
    it->data_size = it->size = size;
    it->segment = 0;
}

static void read_datagrams(struct input *from)
{
    struct datagram datagrams[BATCH];
    uint8_t choice = take(from);
    uint32_t port = (choice & 7) % PORTS, count = 1 + (choice >> 4) % BATCH;
    if (choice & 0x80) {
        uint8_t troubles[TROUBLES];
        take_all(from, troubles, sizeof troubles);
        world_troubles(troubles);
    }
    for (uint32_t i = 0; i < count; i++) {
        take_datagram(from, port, &datagrams[i]);
        if (choice & 8)
            seal(&datagrams[i], i % CIPHERS & ~1u);
    }
    struct address at = local(port);
    uint32_t index = port_find(OWNER, &at);
    if (index != NONE)
        world_read(index, datagrams, count);
}

static void one_step(struct input *from)
{
    struct wire_key key;
    uint8_t step = take(from);
    switch (step % 8) {
    case 0:
    case 1:
        add_flow(from);
        break;
    case 2:
        key = take_key(from);
        ask(step & 0x10 ? OP_REMOVE : OP_READ, 0, &key, sizeof key, -1);
        break;
    case 3:
        if (step & 0x80)
            add_cipher(from);
        else if (step & 0x40)
            ask_transform(from);
        else if (step & 0x10)
            ask_anything(from);
        else
            world_wait((double)take_half(from) * (step & 0x20 ? 1e3 : 1e-3));
        break;
    default:
        read_datagrams(from);
    }
}

int LLVMFuzzerInitialize(int *count, char ***given)
{
    (void)count;
    (void)given;
    table_start(MAX_PORTS, ALL_FLOWS, MAX_SIBLINGS);
    relay_start();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    static const uint8_t fine[TROUBLES];
    world_troubles(fine);
    for (uint32_t i = 0; i < PORTS; i++) {
        struct address at = local(i);
        ask(OP_ATTACH, kinds[i], &at, sizeof at, (int)(100 + i));
    }
    for (int i = 0; i < STEPS && input.left > 0; i++)
        one_step(&input);
    for (uint32_t i = 0; i < PORTS; i++) {
        struct address at = local(i);
        ask(OP_DETACH, 0, &at, sizeof at, -1);
    }
    for (uint64_t i = 0; i < CIPHERS; i++) {
        uint64_t id = i + 1;
        ask(OP_UNCIPHER, 0, &id, sizeof id, -1);
        srtp_free(far_side[i]);
        far_side[i] = NULL;
    }
    cipher_leave_all(OWNER);
    if (table.flows_used != 0 || table.ports_used != 0 || table.siblings_used != 0 || world_open_sockets() != 0)
        abort();
    return 0;
}
