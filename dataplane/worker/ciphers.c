/* A hash table of contexts, each allocated on its own. Numbers are random: its clients choose them so. */
#include "ciphers.h"

#include <stdlib.h>

enum { SLOTS = 16384 };

static struct cipher *slots[SLOTS];
static uint32_t count;

static struct cipher **slot_of(uint64_t id)
{
    return &slots[(id ^ id >> 32) % SLOTS];
}

struct cipher *cipher_find(uint8_t owner, uint64_t id)
{
    for (struct cipher *it = *slot_of(id); it != NULL; it = it->next)
        if (it->id == id && it->owner == owner)
            return it;
    return NULL;
}

struct cipher *cipher_keep(uint8_t owner, uint64_t id, const struct srtp_wish *wish)
{
    struct cipher *it = cipher_find(owner, id);
    if (it != NULL) {
        if (!srtp_same(it->srtp, wish))
            return NULL;
        it->kept = true;
        return it;
    }
    if (id == 0 || count >= MAX_CIPHERS || (it = calloc(1, sizeof *it)) == NULL)
        return NULL;
    if ((it->srtp = srtp_new(wish)) == NULL) {
        free(it);
        return NULL;
    }
    it->id = id;
    it->owner = owner;
    it->sends = wish->sends;
    it->kept = true;
    it->next = *slot_of(id);
    *slot_of(id) = it;
    count++;
    return it;
}

static void drop_unused(struct cipher *it)
{
    if (it->kept || it->users > 0)
        return;
    struct cipher **at = slot_of(it->id);
    while (*at != it)
        at = &(*at)->next;
    *at = it->next;
    srtp_free(it->srtp);
    free(it);
    count--;
}

void cipher_leave(struct cipher *it)
{
    it->kept = false;
    drop_unused(it);
}

void cipher_leave_all(uint8_t owner)
{
    for (uint32_t i = 0; i < SLOTS; i++) {
        for (struct cipher *it = slots[i], *next; it != NULL; it = next) {
            next = it->next;
            if (it->owner == owner)
                cipher_leave(it);
        }
    }
}

void cipher_use(struct cipher *it)
{
    if (it != NULL)
        it->users++;
}

void cipher_release(struct cipher *it)
{
    if (it != NULL) {
        it->users--;
        drop_unused(it);
    }
}
