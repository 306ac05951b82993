/* Tries shed_judge with mutations of the messages in a file, under sanitizers: try_shed FILE TIMES.
 * The file holds messages, each after its length as decimal digits and a line feed. */
#include "shed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int count, char **words) {
    if (count != 3) return 2;
    FILE *file = fopen(words[1], "rb");
    static char messages[128][8192];
    size_t lengths[128], many = 0, length;
    while (file && many < 128 && fscanf(file, "%zu", &length) == 1 && length < 8192 && fgetc(file) == '\n')
        if (fread(messages[many], 1, length, file) == length) lengths[many++] = length;
    if (!many) return 2;
    struct shedder *shedder = shed_new();
    shed_trust(shedder, "192.0.2.10");
    uint64_t random = 88172645463325252u;
    long verdicts[4] = {0};
    for (long i = 0; i < atol(words[2]); i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        size_t which = random % many;
        length = lengths[which];
        char *data = malloc(length ? length : 1); /* exactly as long: one octet too far is found */
        memcpy(data, messages[which], length);
        for (unsigned turns = random >> 60; turns && length; turns--) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            data[random % length] = "\r\n:;, \"[]=0aT\xff"[(random >> 32) % 14];
        }
        size_t shorter = (random >> 20) % 3 ? length : random % (length + 1);
        char *cut = malloc(shorter ? shorter : 1);
        memcpy(cut, data, shorter);
        struct sockaddr_in6 from = {.sin6_family = random & 1 << 8 ? AF_INET : AF_INET6};
        uint32_t admit[SHED_RANKS] = {0, 0, random % 1024 == 0}, refusals = 1;
        static char answer[SHED_ANSWER];
        size_t answered = 0;
        int port = 0;
        enum shed_verdict verdict =
            shed_judge(shedder, cut, shorter, &from, admit, &refusals, 3, answer, &answered, &port);
        verdicts[verdict]++;
        if (verdict == SHED_REFUSE && (answered > shorter + 400 || port < 0 || port > 65535)) return 1;
        free(cut);
        free(data);
    }
    shed_free(shedder);
    printf("%ld %ld %ld %ld\n", verdicts[0], verdicts[1], verdicts[2], verdicts[3]);
    return 0;
}
