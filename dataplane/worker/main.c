/* seaway-worker: relays established media for the processes that attach their sockets to it. Start, limits, event loop.
 *
 * seaway-worker (--socket PATH | --listen-fd N) [--parent PID] [--max-flows N] [--max-sockets N] [--no-siblings]
 */
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "relay.h"
#include "sockets.h"
#include "table.h"

enum { EVENTS = 64 };

struct settings {
    const char *path;
    int listener; /* -1: make one at the path */
    int parent; /* 0: live on without one */
    int max_flows, max_sockets;
    bool no_siblings;
};

static int fail(const char *what, const char *reason)
{
    fprintf(stderr, "seaway-worker: %s: %s\n", what, reason);
    return 2;
}

static bool read_number(const char *text, int low, int high, int *to)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < low || value > high)
        return false;
    *to = (int)value;
    return true;
}

/* True when the arguments make sense. */
static bool read_arguments(int count, char **given, struct settings *to)
{
    for (int i = 1; i < count; i++) {
        const char *name = given[i];
        if (strcmp(name, "--no-siblings") == 0) {
            to->no_siblings = true;
            continue;
        }
        if (++i == count)
            return false;
        bool good = false;
        if (strcmp(name, "--socket") == 0)
            good = *(to->path = given[i]) != '\0';
        else if (strcmp(name, "--listen-fd") == 0)
            good = read_number(given[i], 3, 1 << 20, &to->listener);
        else if (strcmp(name, "--parent") == 0)
            good = read_number(given[i], 1, 1 << 30, &to->parent);
        else if (strcmp(name, "--max-flows") == 0)
            good = read_number(given[i], 1, MAX_FLOWS, &to->max_flows);
        else if (strcmp(name, "--max-sockets") == 0)
            good = read_number(given[i], 1, MAX_PORTS, &to->max_sockets);
        if (!good)
            return false;
    }
    return (to->path != NULL) != (to->listener >= 0);
}

/* Die with the parent; false when it is gone already. */
static bool tie_to_parent(int parent)
{
    return parent == 0 || (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent);
}

/* Everything here works without privilege: keep none. */
static void drop_privileges(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    syscall(SYS_capset, &header, none);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* As many descriptors as we may have. Half of them may become siblings. */
static uint32_t raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur / 2 > MAX_SIBLINGS ? MAX_SIBLINGS : (uint32_t)(limit.rlim_cur / 2);
}

/* A private socket at the path; one that nobody serves any more is replaced. -1 and errno when that fails. */
static int open_listener(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(at.sun_path, path);
    int probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return -1;
    if (connect(probe, (struct sockaddr *)&at, sizeof at) == 0) {
        close(probe);
        errno = EADDRINUSE;
        return -1;
    }
    struct stat found;
    if (errno == ECONNREFUSED && lstat(path, &found) == 0 && S_ISSOCK(found.st_mode))
        unlink(path);
    close(probe);
    int made = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    mode_t mask = umask(0177);
    if (made >= 0 && (bind(made, (struct sockaddr *)&at, sizeof at) != 0 || listen(made, 64) != 0)) {
        int reason = errno;
        close(made);
        errno = reason;
        made = -1;
    }
    umask(mask);
    return made;
}

static bool is_listener(int fd)
{
    int type = 0, listens = 0;
    socklen_t length = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_SEQPACKET)
        return false;
    length = sizeof listens;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && listens != 0;
}

static int signals(void)
{
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_UNBLOCK, &set, NULL); /* whatever the parent had blocked */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int run(int epoll)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        if (count < 0 && errno != EINTR)
            return fail("epoll_wait", strerror(errno));
        for (int i = 0; i < count; i++) {
            uint32_t index = (uint32_t)events[i].data.u64;
            switch ((enum watch)(events[i].data.u64 >> 32)) {
            case WATCH_PORT:
                relay_port(index);
                break;
            case WATCH_SIBLING:
                relay_sibling(index);
                break;
            case WATCH_CLIENT:
                control_client(index, events[i].events);
                break;
            case WATCH_LISTENER:
                control_accept();
                break;
            case WATCH_SIGNAL:
                return 0;
            }
        }
    }
}

int main(int count, char **given)
{
    struct settings settings = {.listener = -1, .max_flows = MAX_FLOWS, .max_sockets = MAX_PORTS};
    if (!read_arguments(count, given, &settings))
        return fail("usage", "(--socket PATH | --listen-fd N) [--parent PID] [--max-flows N] [--max-sockets N]"
                             " [--no-siblings]");
    if (!tie_to_parent(settings.parent))
        return fail("--parent", "is not our parent (any more)");
    int signal_fd = signals();
    int listener = settings.listener >= 0 ? settings.listener : open_listener(settings.path);
    if (listener < 0)
        return fail(settings.path, strerror(errno));
    if (!is_listener(listener))
        return fail("--listen-fd", "is no listening SEQPACKET socket");
    uint32_t siblings_max = raise_descriptors();
    drop_privileges();
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    sockets_start(epoll);
    table_start((uint32_t)settings.max_sockets, (uint32_t)settings.max_flows, settings.no_siblings ? 0 : siblings_max);
    relay_start();
    control_start(listener);
    if (signal_fd < 0 || !watch_add(signal_fd, WATCH_SIGNAL, 0, EPOLLIN) ||
        !watch_add(listener, WATCH_LISTENER, 0, EPOLLIN))
        return fail("epoll", strerror(errno));
    int status = run(epoll);
    if (settings.path != NULL)
        unlink(settings.path);
    return status;
}
