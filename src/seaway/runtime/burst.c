/* The compiled form of burst.py: a burst of datagrams in one system call each way (recvmmsg, sendmmsg).
 *
 * Same names and meaning as there, and the same tests. Addresses are converted once and remembered, both ways, in
 * tables that are emptied when they are full. All calls are non-blocking, so the GIL is kept and the buffers are shared.
 */
#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MOST 64
#define OCTETS 65535
#define KNOWN 20000

static unsigned char *room; /* MOST times OCTETS; the kernel maps what is used */
static struct sockaddr_storage names[MOST];
static struct iovec parts[MOST];
static struct mmsghdr messages[MOST];
static PyObject *to_address; /* sockaddr octets -> (host, port) */
static PyObject *to_octets;  /* (host, port) -> sockaddr octets */

/* What tells one address from another: not flow information, not padding. */
static PyObject *address_of(const struct sockaddr_storage *name)
{
    unsigned char key[2 + 16 + 4];
    Py_ssize_t length;
    uint32_t scope = 0;
    uint16_t port;
    const void *host;

    if (name->ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)name;
        host = &four->sin_addr;
        port = four->sin_port;
        memcpy(key + 2, host, 4);
        length = 6;
    } else if (name->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)name;
        host = &six->sin6_addr;
        port = six->sin6_port;
        scope = six->sin6_scope_id;
        memcpy(key + 2, host, 16);
        memcpy(key + 18, &scope, 4);
        length = 22;
    } else {
        PyErr_SetString(PyExc_OSError, "no IP address");
        return NULL;
    }
    memcpy(key, &port, 2);
    PyObject *octets = PyBytes_FromStringAndSize((char *)key, length);
    if (octets == NULL)
        return NULL;
    PyObject *address = PyDict_GetItemWithError(to_address, octets);
    if (address != NULL) {
        Py_INCREF(address);
    } else if (!PyErr_Occurred()) {
        char text[INET6_ADDRSTRLEN + 16];
        inet_ntop(name->ss_family, host, text, INET6_ADDRSTRLEN);
        if (scope != 0) /* link-local, fe80::1%2 */
            snprintf(text + strlen(text), 16, "%%%u", scope);
        address = Py_BuildValue("(si)", text, (int)ntohs(port));
        if (address != NULL) {
            if (PyDict_GET_SIZE(to_address) >= KNOWN)
                PyDict_Clear(to_address);
            if (PyDict_SetItem(to_address, octets, address) < 0)
                Py_CLEAR(address);
        }
    }
    Py_DECREF(octets);
    return address;
}

/* New reference: the sockaddr of (host, port) as octets; one octet when it is no IP address, NULL with an exception set. */
static PyObject *octets_of(PyObject *address)
{
    PyObject *octets = PyDict_GetItemWithError(to_octets, address);
    if (octets != NULL)
        return Py_NewRef(octets);
    const char *host;
    int port;
    if (PyErr_Occurred() || !PyArg_ParseTuple(address, "si", &host, &port))
        return NULL;
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    if (port >= 0 && port <= 65535 && inet_pton(AF_INET, host, &four.sin_addr) == 1)
        octets = PyBytes_FromStringAndSize((char *)&four, sizeof four);
    else if (port >= 0 && port <= 65535 && inet_pton(AF_INET6, host, &six.sin6_addr) == 1)
        octets = PyBytes_FromStringAndSize((char *)&six, sizeof six);
    else
        octets = PyBytes_FromStringAndSize("", 1); /* too short: the kernel says EINVAL */
    if (octets == NULL)
        return NULL;
    if (PyDict_GET_SIZE(to_octets) >= KNOWN)
        PyDict_Clear(to_octets);
    if (PyDict_SetItem(to_octets, address, octets) < 0)
        Py_CLEAR(octets);
    return octets;
}

static int descriptor_of(PyObject *sock)
{
    return PyObject_AsFileDescriptor(sock);
}

static PyObject *receive(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    if (count != 1) {
        PyErr_SetString(PyExc_TypeError, "receive(sock)");
        return NULL;
    }
    int fd = descriptor_of(args[0]);
    if (fd < 0)
        return NULL;
    if (room == NULL && (room = malloc((size_t)MOST * OCTETS)) == NULL)
        return PyErr_NoMemory();
    for (int i = 0; i < MOST; i++) {
        parts[i] = (struct iovec){.iov_base = room + (size_t)i * OCTETS, .iov_len = OCTETS};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &names[i], .msg_namelen = sizeof names[i],
                                              .msg_iov = &parts[i], .msg_iovlen = 1};
    }
    long errors = 0;
    int got;
    while ((got = recvmmsg(fd, messages, MOST, MSG_DONTWAIT, NULL)) < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            got = 0;
            break;
        }
        if (++errors >= MOST) { /* ICMP errors of earlier datagrams, one each */
            got = 0;
            break;
        }
    }
    PyObject *list = PyList_New(got);
    if (list == NULL)
        return NULL;
    for (int i = 0; i < got; i++) {
        PyObject *address = address_of(&names[i]);
        PyObject *data = PyBytes_FromStringAndSize((char *)parts[i].iov_base, messages[i].msg_len);
        PyObject *pair = address != NULL && data != NULL ? PyTuple_Pack(2, data, address) : NULL;
        Py_XDECREF(address);
        Py_XDECREF(data);
        if (pair == NULL) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, i, pair);
    }
    return Py_BuildValue("(Nl)", list, errors);
}

static PyObject *send_burst(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !PyList_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "send(sock, list)");
        return NULL;
    }
    int fd = descriptor_of(args[0]);
    if (fd < 0)
        return NULL;
    PyObject *queue = args[1], *failed = PyList_New(0), *held[MOST];
    if (failed == NULL)
        return NULL;
    Py_ssize_t done = 0, total = PyList_GET_SIZE(queue);
    int blocked = 0;
    while (done < total && !blocked) {
        int ready = 0;
        for (; ready < MOST && done + ready < total; ready++) {
            PyObject *pair = PyList_GET_ITEM(queue, done + ready), *octets = NULL;
            if (PyTuple_Check(pair) && PyTuple_GET_SIZE(pair) == 2 && PyBytes_Check(PyTuple_GET_ITEM(pair, 0)))
                octets = octets_of(PyTuple_GET_ITEM(pair, 1));
            else
                PyErr_SetString(PyExc_TypeError, "send wants (bytes, address)");
            if (octets == NULL) {
                while (ready-- > 0)
                    Py_DECREF(held[ready]);
                Py_DECREF(failed);
                return NULL;
            }
            held[ready] = octets;
            PyObject *data = PyTuple_GET_ITEM(pair, 0);
            parts[ready] = (struct iovec){.iov_base = PyBytes_AS_STRING(data), .iov_len = PyBytes_GET_SIZE(data)};
            messages[ready].msg_hdr = (struct msghdr){.msg_name = PyBytes_AS_STRING(octets),
                                                      .msg_namelen = (socklen_t)PyBytes_GET_SIZE(octets),
                                                      .msg_iov = &parts[ready], .msg_iovlen = 1};
        }
        int sent = 0, bad = 0;
        while (sent < ready && !blocked && !bad) {
            int some = sendmmsg(fd, messages + sent, (unsigned)(ready - sent), MSG_DONTWAIT);
            if (some > 0) {
                sent += some;
            } else if (some < 0 && errno == EINTR) {
                continue;
            } else if (some < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
                blocked = 1;
            } else { /* this one cannot go: the others can */
                PyObject *what = Py_BuildValue("(ni)", done + sent, some < 0 ? errno : EIO);
                bad = what == NULL || PyList_Append(failed, what) < 0;
                Py_XDECREF(what);
                sent++;
            }
        }
        for (int i = 0; i < ready; i++)
            Py_DECREF(held[i]);
        if (bad) {
            Py_DECREF(failed);
            return NULL;
        }
        done += sent;
    }
    return Py_BuildValue("(nN)", done, failed);
}

static PyMethodDef methods[] = {
    {"receive", (PyCFunction)(void (*)(void))receive, METH_FASTCALL, "See burst.py."},
    {"send", (PyCFunction)(void (*)(void))send_burst, METH_FASTCALL, "See burst.py."},
    {NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "burst", "See burst.py.", -1, methods};

PyMODINIT_FUNC PyInit_burst(void)
{
    to_address = PyDict_New();
    to_octets = PyDict_New();
    PyObject *module = to_address != NULL && to_octets != NULL ? PyModule_Create(&definition) : NULL;
    if (module != NULL && PyModule_AddIntConstant(module, "MOST", MOST) < 0)
        Py_CLEAR(module);
    return module;
}
