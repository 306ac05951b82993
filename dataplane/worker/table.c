/* Ports and flows in fixed pools behind hash tables. The hash is keyed at start: remote peers choose addresses. */
#include "table.h"

#include <string.h>
#include <sys/random.h>

#include "sockets.h"

enum { PORT_SLOTS = MAX_PORTS * 2, FLOW_SLOTS = MAX_FLOWS * 2 };

struct table table;
struct port ports[MAX_PORTS];
struct sibling siblings[MAX_SIBLINGS];
struct flow flows[MAX_FLOWS];

static uint32_t port_slots[PORT_SLOTS], flow_slots[FLOW_SLOTS];
static uint32_t port_free = NONE, flow_free = NONE, sibling_free = NONE, siblings_high;
static uint64_t seed[2];

_Static_assert(sizeof(struct flow_key) == 28, "compared and hashed as octets, so without holes");

void table_start(uint32_t max_ports, uint32_t max_flows, uint32_t siblings_max)
{
    memset(port_slots, 0xff, sizeof port_slots);
    memset(flow_slots, 0xff, sizeof flow_slots);
    table.max_ports = max_ports;
    table.max_flows = max_flows;
    table.siblings_max = siblings_max < MAX_SIBLINGS ? siblings_max : MAX_SIBLINGS;
    if (getrandom(seed, sizeof seed, 0) != sizeof seed)
        seed[0] = (uint64_t)(uintptr_t)&seed; /* no entropy yet: address layout must do */
}

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_address(uint64_t start, const struct address *it)
{
    uint64_t low, high;
    memcpy(&low, it->ip, 8);
    memcpy(&high, it->ip + 8, 8);
    start = fold(start ^ ((uint64_t)it->family << 16 | it->port), 0x9e3779b97f4a7c15u ^ low);
    return fold(start ^ high, seed[1] | 1);
}

static uint32_t *port_slot(uint8_t owner, const struct address *local)
{
    return &port_slots[hash_address(seed[0] ^ ((uint64_t)owner << 32), local) % PORT_SLOTS];
}

static uint32_t *flow_slot(const struct flow_key *key)
{
    return &flow_slots[hash_address(seed[0] ^ ((uint64_t)key->port << 32 | key->prefix), &key->remote) % FLOW_SLOTS];
}

uint32_t port_find(uint8_t owner, const struct address *local)
{
    for (uint32_t i = *port_slot(owner, local); i != NONE; i = ports[i].next)
        if (ports[i].owner == owner && address_equal(&ports[i].local, local))
            return i;
    return NONE;
}

uint32_t port_add(uint8_t owner, uint8_t kind, const struct address *local, int fd)
{
    uint32_t index = port_free;
    if (table.ports_used >= table.max_ports)
        return NONE;
    if (index != NONE)
        port_free = ports[index].next;
    else
        index = table.ports_high++;
    table.ports_used++;
    uint32_t *slot = port_slot(owner, local);
    ports[index] = (struct port){
        .fd = fd, .owner = owner, .kind = kind, .local = *local, .next = *slot, .first_sibling = NONE,
    };
    *slot = index;
    return index;
}

/* -- siblings */

static uint32_t sibling_take(uint32_t port, const struct address *remote)
{
    struct port *of = &ports[port];
    uint32_t index = of->first_sibling;
    for (; index != NONE; index = siblings[index].next) {
        if (address_equal(&siblings[index].remote, remote)) {
            siblings[index].users++;
            return index;
        }
    }
    if (of->siblings >= SIBLINGS_OF_PORT || table.siblings_used >= table.siblings_max)
        return NONE;
    index = sibling_free != NONE ? sibling_free : siblings_high;
    int fd = socket_connect_beside(of->fd, &of->local, remote, index);
    if (fd < 0)
        return NONE;
    if (index == siblings_high)
        siblings_high++;
    else
        sibling_free = siblings[index].next;
    siblings[index] = (struct sibling){
        .fd = fd, .port = port, .next = of->first_sibling, .users = 1, .remote = *remote,
    };
    of->first_sibling = index;
    of->siblings++;
    table.siblings_used++;
    return index;
}

static void sibling_release(uint32_t index)
{
    if (index == NONE || --siblings[index].users > 0)
        return;
    struct port *of = &ports[siblings[index].port];
    uint32_t *at = &of->first_sibling;
    while (*at != index)
        at = &siblings[*at].next;
    *at = siblings[index].next;
    of->siblings--;
    table.siblings_used--;
    socket_close(siblings[index].fd);
    siblings[index].fd = -1;
    siblings[index].next = sibling_free;
    sibling_free = index;
}

/* -- flows */

struct flow *flow_find(const struct flow_key *key)
{
    for (uint32_t i = *flow_slot(key); i != NONE; i = flows[i].next)
        if (memcmp(&flows[i].key, key, sizeof *key) == 0)
            return &flows[i];
    return NULL;
}

static struct flow *flow_new(const struct flow_key *key)
{
    uint32_t index = flow_free;
    if (table.flows_used >= table.max_flows)
        return NULL;
    if (index != NONE)
        flow_free = flows[index].next;
    else
        index = table.flows_high++;
    table.flows_used++;
    uint32_t *slot = flow_slot(key);
    flows[index] = (struct flow){.key = *key, .used = true, .next = *slot};
    *slot = index;
    return &flows[index];
}

/* Let go of the sockets that a flow uses. */
static void flow_leave(const struct flow *it)
{
    sibling_release(it->in_sibling);
    sibling_release(it->out_sibling);
    cipher_release(it->receive);
    cipher_release(it->send);
    ports[it->key.port].users--;
    ports[it->out_port].users--;
}

struct flow *flow_put(const struct flow_wish *wish)
{
    struct flow *it = flow_find(&wish->key);
    bool known = it != NULL;
    if (!known && (it = flow_new(&wish->key)) == NULL)
        return NULL;
    struct flow before = *it;
    it->kind = wish->kind;
    it->add_kind = wish->add_kind;
    it->add = wish->add;
    it->clocks = wish->clocks;
    it->no_segments = false;
    it->receive = wish->receive;
    it->send = wish->send;
    it->verify = wish->verify;
    cipher_use(it->receive);
    cipher_use(it->send);
    it->out_port = wish->out_port;
    it->out_remote = wish->out_remote;
    it->out_length = address_to(&it->out_to, &wish->out_remote);
    it->in_sibling = sibling_take(wish->key.port, &wish->key.remote);
    it->out_sibling = sibling_take(wish->out_port, &wish->out_remote);
    ports[it->key.port].users++;
    ports[it->out_port].users++;
    if (known) /* after the new ones were taken, so that what stays is not closed in between */
        flow_leave(&before);
    return it;
}

void flow_remove(struct flow *it)
{
    uint32_t index = (uint32_t)(it - flows);
    uint32_t *at = flow_slot(&it->key);
    while (*at != index)
        at = &flows[*at].next;
    *at = it->next;
    flow_leave(it);
    it->used = false;
    it->next = flow_free;
    flow_free = index;
    table.flows_used--;
}

void port_remove(uint32_t index)
{
    struct port *it = &ports[index];
    for (uint32_t i = 0; it->users > 0 && i < table.flows_high; i++)
        if (flows[i].used && (flows[i].key.port == index || flows[i].out_port == index))
            flow_remove(&flows[i]);
    uint32_t *at = port_slot(it->owner, &it->local);
    while (*at != index)
        at = &ports[*at].next;
    *at = it->next;
    socket_close(it->fd);
    it->fd = -1;
    it->next = port_free;
    port_free = index;
    table.ports_used--;
}
