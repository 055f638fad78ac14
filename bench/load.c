/* The audience: opens many SSE or WebSocket connections and counts the events that arrive.
 *
 * usage: load PORT CONNECTIONS sse|ws marker|frames REQUEST-FILE [EXPECT] [FIRST SPAN]
 *
 * The request is sent as it is; a run of '#' in it becomes the number FIRST + (connection % SPAN).
 * Events are counted by a marker text in what arrives, or (compressed WebSockets) by data frames.
 * Lines on stdout; all times are CLOCK_MONOTONIC in nanoseconds:
 *
 *   ready CONNECTIONS NS              every connection is answered; NS since the first was opened
 *   armed                             after "expect N" on stdin: counting begins again at zero
 *   done FIRST LAST EVENTS BYTES CPU  as many as expected are here
 *   stat EVENTS BYTES LOST CPU        after "stat" on stdin; LOST connections were closed
 *
 * It ends when stdin does. EXPECT arms it before the first connection is opened.
 */
#include "net.h"

#define MARKER "@HUB@"
#define CARRY (sizeof MARKER - 2)
#define ROOM (256 * 1024)
#define WINDOW 200 /* handshakes under way at once: below every server's listen backlog */
#define STDIN UINT64_MAX

enum state { OPENING, ASKED, ANSWERED, OPEN, LOST };

struct client {
    int fd;
    uint8_t state, header_end, carried, head_length;
    uint8_t head[14];
    char carry[CARRY];
    uint64_t left; /* payload bytes of the frame that are still to come */
};

static struct client *clients;
static int port, count, opened, answered, lost, poller, websocket, by_frames;
static struct number number;
static char *request, room[CARRY + ROOM];
static size_t request_length;
static uint64_t first_number, span = 1, started, expected, events, bytes, first_at;

static void say(const char *line) {
    puts(line);
    fflush(stdout);
}

static void lose(struct client *client) {
    if (client->state == LOST) return;
    if (client->state != OPEN) {
        errno = 0;
        die("a connection was refused before it was answered");
    }
    client->state = LOST;
    lost++;
    close(client->fd);
}

static void add(uint64_t more) {
    if (!more) return;
    uint64_t at = now_ns();
    if (!events) first_at = at;
    events += more;
    if (expected && events >= expected) {
        expected = 0;
        printf("done %lu %lu %lu %lu %lu\n", first_at, at, events, bytes, cpu_ns());
        fflush(stdout);
    }
}

/* Count markers in a span of the room; the bytes before it may be overwritten. */
static uint64_t markers(struct client *client, char *at, char *end) {
    uint64_t found = 0;
    at -= client->carried;
    memcpy(at, client->carry, client->carried);
    for (char *hit; (hit = memmem(at, (size_t)(end - at), MARKER, sizeof MARKER - 1)); found++)
        at = hit + sizeof MARKER - 1;
    client->carried = (uint8_t)((size_t)(end - at) < CARRY ? (size_t)(end - at) : CARRY);
    memcpy(client->carry, end - client->carried, client->carried);
    return found;
}

static size_t header_size(const uint8_t *head) {
    return (head[1] & 127) == 126 ? 4 : (head[1] & 127) == 127 ? 10 : 2;
}

static void begin_frame(struct client *client) {
    const uint8_t *head = client->head;
    client->left = head[1] & 127;
    if (client->left > 125) {
        client->left = 0;
        for (size_t i = 2; i < header_size(head); i++) client->left = client->left << 8 | head[i];
    }
    client->carried = 0;
    if ((head[0] & 15) == 9) { /* ping: an empty pong will do for staying alive */
        static const uint8_t pong[] = {0x8A, 0x80, 0, 0, 0, 0};
        send(client->fd, pong, sizeof pong, MSG_NOSIGNAL);
    }
}

static uint64_t frames(struct client *client, char *at, char *end) {
    uint64_t found = 0;
    while (at < end) {
        if (!client->left) {
            client->head[client->head_length++] = (uint8_t)*at++;
            if (client->head_length < 2 || client->head_length < header_size(client->head)) continue;
            client->head_length = 0;
            begin_frame(client);
        }
        size_t here = (size_t)(end - at) < client->left ? (size_t)(end - at) : client->left;
        int data = (client->head[0] & 15) < 3;
        if (data && !by_frames) found += markers(client, at, at + here);
        client->left -= here;
        at += here;
        if (data && by_frames && !client->left && !client->head_length) found++;
    }
    return found;
}

static void open_more(void) {
    for (; opened < count && opened - answered < WINDOW; opened++) {
        struct client *client = &clients[opened];
        client->fd = dial(port, opened);
        watch(poller, client->fd, EPOLLOUT, (uint64_t)opened);
    }
}

static void ask(struct client *client) {
    if (number.place) write_number(number, first_number + (uint64_t)(client - clients) % span);
    if (send(client->fd, request, request_length, MSG_NOSIGNAL) != (ssize_t)request_length)
        die("send");
    client->state = ASKED;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)(client - clients)};
    epoll_ctl(poller, EPOLL_CTL_MOD, client->fd, &event);
}

/* Skip the response header; tell where the body begins. */
static char *answer(struct client *client, char *at, char *end) {
    if (client->state == ASKED && (end - at < 12 || memcmp(at + 9, websocket ? "101" : "200", 3))) {
        fprintf(stderr, "not the answer that was hoped for:\n%.*s\n", (int)(end - at), at);
        exit(1);
    }
    client->state = ANSWERED;
    for (; at < end && client->header_end < 4; at++)
        client->header_end = *at == "\r\n\r\n"[client->header_end] ? client->header_end + 1u
                                                                    : *at == '\r';
    if (client->header_end < 4) return end;
    client->state = OPEN;
    if (++answered == count) {
        printf("ready %d %lu\n", count, now_ns() - started);
        fflush(stdout);
    }
    open_more();
    return at;
}

static void hear(struct client *client) {
    char *at = room + CARRY;
    ssize_t got = recv(client->fd, at, ROOM, 0);
    if (got <= 0) {
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        lose(client);
        return;
    }
    char *end = at + got;
    bytes += (uint64_t)got;
    if (client->state != OPEN) at = answer(client, at, end);
    if (at < end) add(websocket ? frames(client, at, end) : markers(client, at, end));
}

static void obey(void) {
    char line[64];
    ssize_t got = read(0, line, sizeof line - 1);
    if (got <= 0) exit(0);
    line[got] = 0;
    if (!strncmp(line, "expect ", 7)) {
        expected = strtoull(line + 7, NULL, 10);
        events = bytes = 0;
        say("armed");
    } else if (!strncmp(line, "stat", 4)) {
        printf("stat %lu %lu %d %lu\n", events, bytes, lost, cpu_ns());
        fflush(stdout);
    }
}

int main(int argc, char **argv) {
    if (argc < 6) {
        fprintf(stderr, "usage: load PORT CONNECTIONS sse|ws marker|frames REQUEST-FILE ...\n");
        return 2;
    }
    port = atoi(argv[1]);
    count = atoi(argv[2]);
    websocket = !strcmp(argv[3], "ws");
    by_frames = !strcmp(argv[4], "frames");
    request = slurp(argv[5], &request_length);
    number = find_number(request, request_length);
    if (argc > 6) expected = strtoull(argv[6], NULL, 10);
    if (argc > 8) first_number = strtoull(argv[7], NULL, 10), span = strtoull(argv[8], NULL, 10);
    clients = calloc((size_t)count, sizeof *clients);
    poller = epoll_create1(0);
    watch(poller, 0, EPOLLIN, STDIN);
    started = now_ns();
    open_more();
    static struct epoll_event ready[1024];
    for (;;) {
        int many = epoll_wait(poller, ready, 1024, -1);
        for (int i = 0; i < many; i++) {
            if (ready[i].data.u64 == STDIN) {
                obey();
                continue;
            }
            struct client *client = &clients[ready[i].data.u64];
            if (client->state == OPENING) ask(client);
            else if (client->state != LOST) hear(client);
        }
    }
}
