/* Connections of clients. An owner's ports and flows outlive its connection; a new connection of an owner takes over. */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ciphers.h"
#include "commands.h"
#include "relay.h"
#include "sockets.h"

enum { MAX_CLIENTS = 16, MAX_REQUEST = 10240, TURNS = 32, MAX_DESCRIPTORS = 8, UP_BUFFER = 4 << 20 };

struct client {
    int fd; /* -1: free */
    int up; /* our end for datagrams without a flow, -1 before hello */
    uint8_t owner; /* 0 before hello */
    bool owes; /* an answer waits until the client reads */
    struct answer answer;
};

static struct client clients[MAX_CLIENTS];
static struct client *owners[MAX_OWNER + 1];
static int listening = -1;
static int spare = -1; /* given up for a moment to turn a client away when there is no other descriptor */

void control_start(int listener)
{
    for (int i = 0; i < MAX_CLIENTS; i++)
        clients[i].fd = clients[i].up = clients[i].answer.fd = -1;
    listening = listener;
    fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) | O_NONBLOCK);
    spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void close_if_open(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void end(struct client *it)
{
    if (it->fd < 0)
        return;
    if (owners[it->owner] == it)
        owners[it->owner] = NULL;
    close_if_open(&it->fd);
    close_if_open(&it->up);
    answer_drop(&it->answer);
    it->owner = 0;
    it->owes = false;
}

static bool trusted(int fd)
{
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || length != sizeof peer)
        return false;
    return peer.uid == 0 || peer.uid == geteuid();
}

void control_accept(void)
{
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
        close_if_open(&spare);
        fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        close_if_open(&fd);
        spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0)
        return;
    for (uint32_t i = 0; trusted(fd) && i < MAX_CLIENTS; i++) {
        if (clients[i].fd >= 0)
            continue;
        if (!watch_add(fd, WATCH_CLIENT, i, EPOLLIN))
            break;
        clients[i].fd = fd;
        return;
    }
    close(fd);
}

/* Room for datagrams up; the other end goes to the client with the answer. */
static void greet(struct client *it, const struct request *request)
{
    int pair[2], size = UP_BUFFER;
    if (request->number != PROTOCOL_VERSION) {
        answer_refuse(&it->answer, "the worker speaks another version of the protocol; restart it");
    } else if (request->a == 0 || request->a > MAX_OWNER || it->owner != 0) {
        answer_refuse(&it->answer, "hello needs an owner from 1 to 7, once");
    } else if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        answer_refuse(&it->answer, "no descriptor left; raise the limit of open files");
    } else {
        setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        if (owners[request->a] != NULL)
            end(owners[request->a]); /* a process that is gone, or about to */
        it->owner = request->a;
        it->up = pair[0];
        it->answer.fd = pair[1];
        it->answer.close_fd = true;
        owners[it->owner] = it;
        it->answer.message.reply.number = srtp_available() ? FEATURE_SRTP : 0;
        cipher_leave_all(it->owner);
    }
}

/* False: the answer must wait. The connection may be gone afterwards. */
static bool send_answer(struct client *it)
{
    struct answer *answer = &it->answer;
    struct iovec vector = {&answer->message, answer->size};
    struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
    union {
        struct cmsghdr align;
        uint8_t space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    if (answer->fd >= 0) {
        header.msg_control = &control;
        header.msg_controllen = sizeof control;
        struct cmsghdr *at = CMSG_FIRSTHDR(&header);
        at->cmsg_level = SOL_SOCKET;
        at->cmsg_type = SCM_RIGHTS;
        at->cmsg_len = CMSG_LEN(sizeof answer->fd);
        memcpy(CMSG_DATA(at), &answer->fd, sizeof answer->fd);
    }
    if (sendmsg(it->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if (errno == EAGAIN || errno == ENOBUFS)
            return false;
        end(it);
        return true;
    }
    answer_drop(answer);
    return true;
}

/* The first descriptor of a message; surplus ones are closed. -1: none. */
static int take_descriptor(struct msghdr *header)
{
    int found = -1;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at != NULL; at = CMSG_NXTHDR(header, at)) {
        if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS || at->cmsg_len < CMSG_LEN(0))
            continue;
        size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(at) + i * sizeof fd, sizeof fd);
            if (found < 0)
                found = fd;
            else
                close(fd);
        }
    }
    return found;
}

static void carry_out(struct client *it, const uint8_t *data, size_t size, int *descriptor)
{
    struct request request = {0};
    if (size >= sizeof request)
        memcpy(&request, data, sizeof request);
    answer_begin(&it->answer, request.operation);
    if (size < sizeof request || request.zero != 0)
        answer_refuse(&it->answer, "malformed request");
    else if (request.operation == OP_HELLO && size == sizeof request)
        greet(it, &request);
    else if (it->owner == 0)
        answer_refuse(&it->answer, "hello comes first");
    else
        command(it->owner, &request, data + sizeof request, size - sizeof request, descriptor, &it->answer);
}

/* One request. False: nothing more to read now. */
static bool serve_once(struct client *it)
{
    uint8_t data[MAX_REQUEST];
    union {
        struct cmsghdr align;
        uint8_t space[CMSG_SPACE(sizeof(int) * MAX_DESCRIPTORS)];
    } control;
    struct iovec vector = {data, sizeof data};
    struct msghdr header = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control,
    };
    ssize_t size = recvmsg(it->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    int descriptor = size > 0 ? take_descriptor(&header) : -1;
    if (size <= 0 || header.msg_flags & MSG_TRUNC) {
        end(it);
    } else {
        carry_out(it, data, (size_t)size, &descriptor);
        if (!send_answer(it)) {
            it->owes = true;
            watch_change(it->fd, WATCH_CLIENT, (uint32_t)(it - clients), EPOLLOUT);
        }
    }
    close_if_open(&descriptor);
    return it->fd >= 0 && !it->owes;
}

void control_client(uint32_t index, uint32_t events)
{
    struct client *it = &clients[index];
    if (it->fd < 0)
        return;
    if (it->owes && events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
        if (!send_answer(it) || it->fd < 0)
            return;
        it->owes = false;
        watch_change(it->fd, WATCH_CLIENT, index, EPOLLIN);
    }
    for (int turn = 0; turn < TURNS && serve_once(it); turn++)
        ;
}

void control_up(uint8_t owner, const struct address *local, const struct address *source, const uint8_t *data,
                size_t size)
{
    const struct client *it = owners[owner];
    if (it == NULL) {
        totals.unowned++;
        return;
    }
    struct wire_up front = {*local, *source};
    struct iovec vector[] = {{&front, sizeof front}, {(void *)data, size}};
    struct msghdr header = {.msg_iov = vector, .msg_iovlen = 2};
    if (sendmsg(it->up, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        totals.up++;
    else
        totals.up_dropped++;
}
