/* The publishers: sends one request again and again over kept-alive connections.
 *
 * usage: post http|nats PORT CONNECTIONS REQUEST-FILE SECONDS [RATE]
 *
 * Without RATE each connection sends its next request as soon as the last is answered (closed
 * loop: the peak). With RATE the requests are due at a constant pace, whatever the server does; a
 * latency counts from the moment a request was due, not from when a connection was free for it, so
 * a pause of the server is seen by every request that fell into it (no coordinated omission).
 * A run of '#' in the request becomes a number that differs in every request; with NATS it is that
 * of the connection, whose acknowledgements come to the subject inbox.NUMBER.
 * One line on stdout, times in nanoseconds: ANSWERS REFUSED ELAPSED P50 P90 P99 P999 MAX CPU
 */
#include "net.h"
#include <poll.h>
#include <sys/prctl.h>

#define ROOM (64 * 1024)
#define HELLO "CONNECT {\"verbose\":false}\r\nSUB inbox.%012d 1\r\n"
#define PATIENCE 5000000000u /* wait this long for the answers that are still out */

struct client {
    int fd, busy;
    uint64_t due;
    size_t gathered;
    char room[ROOM];
};

static struct client *clients;
static int *idle, spare, out, nats;
static struct number number;
static char *request;
static size_t request_length, taken, taken_room;
static uint64_t *latencies, sequence, refused, finish;

static void record(uint64_t latency) {
    if (taken == taken_room) {
        taken_room = taken_room ? taken_room * 2 : 1 << 16;
        latencies = realloc(latencies, taken_room * sizeof *latencies);
    }
    latencies[taken++] = latency;
}

static void ask(struct client *client, uint64_t due) {
    if (number.place) write_number(number, nats ? (uint64_t)(client - clients) : sequence++);
    client->due = due;
    client->busy = 1;
    out++;
    for (size_t sent = 0; sent < request_length;) {
        ssize_t more = send(client->fd, request + sent, request_length - sent, MSG_NOSIGNAL);
        if (more < 0 && errno != EAGAIN) die("send");
        if (more < 0) poll(&(struct pollfd){.fd = client->fd, .events = POLLOUT}, 1, 1000);
        else sent += (size_t)more;
    }
}

/* Length of the HTTP answer at the beginning of what was gathered; 0 while it is not whole. */
static size_t whole_answer(struct client *client) {
    char *end = memmem(client->room, client->gathered, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = (size_t)(end - client->room) + 4;
    if (!memcmp(client->room + 9, "204", 3)) return head; /* it has no body */
    *end = 0; /* strcasestr wants a text */
    char *length = strcasestr(client->room, "\r\ncontent-length:");
    *end = '\r';
    if (length) {
        size_t all = head + strtoul(length + 17, NULL, 10);
        return client->gathered >= all ? all : 0;
    }
    char *last = memmem(client->room + head - 2, client->gathered - head + 2, "\r\n0\r\n\r\n", 7);
    return last ? (size_t)(last - client->room) + 7 : 0;
}

/* The same for a NATS message, whose lines of other kinds are skipped. */
static size_t whole_message(struct client *client) {
    char *end;
    while ((end = memmem(client->room, client->gathered, "\r\n", 2))) {
        size_t line = (size_t)(end - client->room) + 2;
        if (!memcmp(client->room, "MSG ", 4)) {
            char *size = memrchr(client->room, ' ', line);
            size_t all = line + strtoul(size, NULL, 10) + 2;
            return client->gathered >= all ? all : 0;
        }
        if (!memcmp(client->room, "PING", 4)) send(client->fd, "PONG\r\n", 6, MSG_NOSIGNAL);
        memmove(client->room, end + 2, client->gathered -= line);
    }
    return 0;
}

static int accepted(struct client *client, size_t length) {
    return nats ? !memmem(client->room, length, "\"error\"", 7) : client->room[9] == '2';
}

static void hear(struct client *client) {
    ssize_t got =
        recv(client->fd, client->room + client->gathered, ROOM - client->gathered, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) die("the server closed a connection");
    client->gathered += (size_t)got;
    size_t length = nats ? whole_message(client) : whole_answer(client);
    if (!length) {
        if (client->gathered == ROOM) die("an answer over 64 KiB");
        return;
    }
    uint64_t now = now_ns();
    if (!accepted(client, length)) {
        if (!refused++) fprintf(stderr, "refused: %.*s\n", (int)client->gathered, client->room);
    } else if (now < finish) record(now - client->due);
    client->gathered = 0;
    client->busy = 0;
    out--;
    idle[spare++] = (int)(client - clients);
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t quantile(double part) {
    return taken ? latencies[(size_t)(part * (double)(taken - 1))] : 0;
}

int main(int argc, char **argv) {
    if (argc < 6) {
        fprintf(stderr, "usage: post http|nats PORT CONNECTIONS REQUEST-FILE SECONDS [RATE]\n");
        return 2;
    }
    nats = !strcmp(*++argv, "nats");
    argc--;
    int count = atoi(argv[2]);
    request = slurp(argv[3], &request_length);
    number = find_number(request, request_length);
    double rate = argc > 5 ? atof(argv[5]) : 0;
    uint64_t pace = rate > 0 ? (uint64_t)(1e9 / rate) : 0;
    clients = calloc((size_t)count, sizeof *clients);
    idle = calloc((size_t)count, sizeof *idle);
    int poller = epoll_create1(0);
    prctl(PR_SET_TIMERSLACK, 1UL); /* wake when a request is due, not 50 us later */
    for (int i = 0; i < count; i++) {
        int fd = clients[i].fd = dial(atoi(argv[1]), i);
        poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 5000);
        watch(poller, fd, EPOLLIN, (uint64_t)i);
        char hello[100];
        if (nats && write(fd, hello, (size_t)sprintf(hello, HELLO, i)) < 0) die("write");
        idle[spare++] = i;
    }
    sequence = now_ns();
    uint64_t started = now_ns(), due = started;
    finish = started + (uint64_t)(atof(argv[4]) * 1e9);
    struct epoll_event ready[256];
    for (uint64_t now = started; now < finish || (out && now < finish + PATIENCE); now = now_ns()) {
        while (now < finish && spare && (!pace || due <= now)) {
            ask(&clients[idle[--spare]], pace ? due : now_ns());
            due += pace;
            if (!pace || due > now) now = now_ns();
        }
        uint64_t until = now < finish ? finish : finish + PATIENCE;
        if (pace && spare && now < finish && due < until) until = due;
        uint64_t wait = until > now ? until - now : 0;
        struct timespec nap = {(time_t)(wait / 1000000000u), (long)(wait % 1000000000u)};
        int many = epoll_pwait2(poller, ready, 256, &nap, NULL);
        for (int i = 0; i < many; i++) hear(&clients[ready[i].data.u64]);
    }
    qsort(latencies, taken, sizeof *latencies, compare);
    printf("%zu %lu %lu %lu %lu %lu %lu %lu %lu\n", taken, refused, finish - started,
           quantile(.5), quantile(.9), quantile(.99), quantile(.999), quantile(1), cpu_ns());
    return 0;
}
