/* What floor, load and post share: clocks, sockets, errors. */
#ifndef BENCH_NET_H
#define BENCH_NET_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PER_SOURCE 25000 /* connections per source address: an address has about 28,000 ports */

static inline uint64_t clock_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
static inline uint64_t cpu_ns(void) { return clock_ns(CLOCK_PROCESS_CPUTIME_ID); }

_Noreturn static inline void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, errno ? strerror(errno) : "failed");
    exit(1);
}

static inline void watch(int poller, int fd, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
}

/* Start a non-blocking connection from the index-th client to a loopback port. */
static inline int dial(int port, int index) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (index >= PER_SOURCE) {
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(index / PER_SOURCE));
        if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)port);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
        die("connect");
    return fd;
}

/* Read a whole file; the caller keeps it. */
static inline char *slurp(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    char *bytes = malloc(1 << 24);
    *length = fread(bytes, 1, 1 << 24, file);
    fclose(file);
    return bytes;
}

/* A number in a request that differs each time it is sent: a run of at least four '#'. */
struct number {
    char *place; /* NULL if there is none */
    int width;
};

static inline struct number find_number(char *bytes, size_t length) {
    struct number number = {.place = memmem(bytes, length, "####", 4)};
    if (number.place)
        while (number.place + number.width < bytes + length && number.place[number.width] == '#')
            number.width++;
    return number;
}

static inline void write_number(struct number number, uint64_t value) {
    for (int i = number.width - 1; i >= 0; i--, value /= 10)
        number.place[i] = (char)('0' + value % 10);
}

#endif
