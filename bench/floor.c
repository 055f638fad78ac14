/* The yardstick: what a fan-out costs when the server does nothing but send().
 *
 * One thread, one epoll. `GET /sse` and `GET /ws` join the audience; the body of `POST /publish` is
 * sent to everybody in it as it is, ready-made, one send() per connection. Nothing is parsed,
 * stored, framed or checked beyond that, so no server on this machine can be cheaper per write.
 *
 * usage: floor         prints "port N", serves on 127.0.0.1 until it is killed
 */
#include "net.h"

#define MAX_FDS (1 << 20)
#define ROOM (1 << 20)

static const char SSE[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n5\r\n:ok\n\n\r\n";
/* The accept value of RFC 6455's sample key, which the load client uses. */
static const char WS[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                         "Connection: Upgrade\r\n"
                         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static const char OK[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

static int audience[MAX_FDS], listeners, where[MAX_FDS]; /* where: 1 + index in the audience */
static char body[ROOM];
static size_t gathered; /* bytes of the one publisher's request so far */

static void join(int fd) {
    audience[listeners] = fd;
    where[fd] = ++listeners;
}

static void leave(int fd) {
    if (where[fd]) {
        int last = audience[--listeners];
        audience[where[fd] - 1] = last;
        where[last] = where[fd];
        where[fd] = 0;
    }
    close(fd);
}

static void tell_everybody(const char *bytes, size_t length) {
    for (int i = 0; i < listeners; i++)
        if (send(audience[i], bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
            fprintf(stderr, "a client is too slow for the yardstick\n");
}

/* Answer the requests that are whole; keep the rest for the next read. */
static void serve(int fd) {
    char *end;
    while (gathered && (end = memmem(body, gathered, "\r\n\r\n", 4))) {
        size_t head = (size_t)(end - body) + 4, length = 0;
        if (!memcmp(body, "GET /sse", 8)) {
            join(fd);
            send(fd, SSE, sizeof SSE - 1, MSG_NOSIGNAL);
        } else if (!memcmp(body, "GET /ws", 7)) {
            join(fd);
            send(fd, WS, sizeof WS - 1, MSG_NOSIGNAL);
        } else {
            char *field = memmem(body, head, "Content-Length: ", 16);
            if (field) length = strtoul(field + 16, NULL, 10);
            if (head + length > ROOM) die("a body over 1 MiB");
            if (gathered < head + length) return;
            tell_everybody(body + head, length);
            send(fd, OK, sizeof OK - 1, MSG_NOSIGNAL);
        }
        gathered -= head + length;
        memmove(body, body + head + length, gathered);
    }
}

static void hear(int fd) {
    if (where[fd]) { /* pongs and farewells */
        char ignored[4096];
        if (recv(fd, ignored, sizeof ignored, 0) <= 0) leave(fd);
        return;
    }
    ssize_t got = recv(fd, body + gathered, ROOM - gathered, 0);
    if (got <= 0) {
        gathered = 0;
        leave(fd);
        return;
    }
    gathered += (size_t)got;
    serve(fd);
}

int main(void) {
    int door = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(door, (struct sockaddr *)&address, size) < 0 || listen(door, 4096) < 0) die("listen");
    getsockname(door, (struct sockaddr *)&address, &size);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);

    int poller = epoll_create1(0);
    watch(poller, door, EPOLLIN, (uint64_t)door);
    struct epoll_event events[256];
    for (;;) {
        int ready = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            int fd = (int)events[i].data.u64;
            if (fd != door) {
                hear(fd);
                continue;
            }
            while ((fd = accept4(door, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                if (fd >= MAX_FDS) die("too many connections");
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                watch(poller, fd, EPOLLIN, (uint64_t)fd);
            }
        }
    }
}
