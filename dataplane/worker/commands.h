/* What a client that said hello may ask for. */
#ifndef SEAWAY_COMMANDS_H
#define SEAWAY_COMMANDS_H

#include <stddef.h>

#include "protocol.h"

enum { MAX_BODY = PAGE * sizeof(struct wire_key) };

struct answer {
    size_t size; /* of the message */
    int fd; /* goes along, -1: none */
    bool close_fd; /* it is not needed once it is sent */
    struct {
        struct reply reply;
        uint8_t body[MAX_BODY];
    } message;
};

void answer_begin(struct answer *it, uint8_t operation);
void answer_refuse(struct answer *it, const char *text);
void answer_drop(struct answer *it);

/* `descriptor` came with the request; set to -1 when it was taken. */
void command(uint8_t owner, const struct request *request, const uint8_t *body, size_t size, int *descriptor,
             struct answer *answer);

#endif
