/*
 * relay.c - many SMTP relays in one process, for figures: quick, slow and dead ones.
 *
 * One relay a line on stdin: "HOW DELAY_MS ADDRESS PORT", HOW being `takes` (each final dot is
 * answered after the delay) or `hangs` (accepts, and says nothing). "ready" on stdout when all
 * listen. From then on a line on stdout for each mail it took, when its 250 goes out: "mail
 * MICROSECONDS ID", by the wall clock; and every 50 ms "open MICROSECONDS CONNECTIONS WAITING": of
 * all connections that stand those whose dot waits for its answer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINE_OCTETS = 2048, EVENTS = 256, TELL_MS = 50 };

#define ID_FIELD "x-genro-mail-id:"

struct peer {
    TAILQ_ENTRY(peer) link; /* in waiting */
    int fd;
    bool listens, hangs;
    bool in_content, answers_dot; /* the latter: its dot waits */
    int32_t delay_ms;
    int64_t answer_at_ms;
    size_t length;
    char line[LINE_OCTETS]; /* what is read of the line so far; of long ones the beginning */
    char id[256];
};
TAILQ_HEAD(peers, peer);

static struct peers waiting = TAILQ_HEAD_INITIALIZER(waiting);
static unsigned open_count, waiting_count;
static int poller;

static int64_t now_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void watch(struct peer *peer)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};

    if (epoll_ctl(poller, EPOLL_CTL_ADD, peer->fd, &event))
        fail("epoll_ctl");
}

static void stop_waiting(struct peer *peer)
{
    if (!peer->answers_dot)
        return;
    peer->answers_dot = false;
    waiting_count--;
    TAILQ_REMOVE(&waiting, peer, link);
}

static void hang_up(struct peer *peer)
{
    stop_waiting(peer);
    open_count--;
    close(peer->fd);
    free(peer);
}

static void say(const struct peer *peer, const char *reply)
{
    if (write(peer->fd, reply, strlen(reply)) < 0 && errno != EPIPE && errno != ECONNRESET)
        fail("write");
}

static void listen_on(const char *how, int32_t delay_ms, const char *address, int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct peer *peer = calloc(1, sizeof(*peer));
    int yes = 1;

    if (!peer || inet_pton(AF_INET, address, &at.sin_addr) != 1)
        fail(address);
    peer->listens = true;
    peer->hangs = !strcmp(how, "hangs");
    peer->delay_ms = delay_ms;
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(peer->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (peer->fd < 0 || bind(peer->fd, (struct sockaddr *)&at, sizeof(at)) || listen(peer->fd, 512))
        fail(address);
    watch(peer);
}

static void accept_from(const struct peer *listener)
{
    int fd, yes = 1;

    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        struct peer *peer = calloc(1, sizeof(*peer));

        if (!peer)
            fail("calloc");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        peer->fd = fd;
        peer->delay_ms = listener->delay_ms;
        open_count++;
        watch(peer);
        if (!listener->hangs)
            say(peer, "220 relay.test ESMTP\r\n");
    }
}

static void answer_dot(struct peer *peer)
{
    printf("mail %lld %s\n", (long long)now_us(CLOCK_REALTIME), *peer->id ? peer->id : "-");
    stop_waiting(peer);
    say(peer, "250 2.0.0 taken\r\n");
}

static void take_dot(struct peer *peer)
{
    peer->in_content = false;
    peer->answers_dot = true;
    peer->answer_at_ms = now_us(CLOCK_MONOTONIC) / 1000 + peer->delay_ms;
    waiting_count++;
    if (peer->delay_ms == 0) {
        TAILQ_INSERT_HEAD(&waiting, peer, link);
        answer_dot(peer);
        return;
    }
    struct peer *before = TAILQ_LAST(&waiting, peers);

    while (before && before->answer_at_ms > peer->answer_at_ms)
        before = TAILQ_PREV(before, peers, link);
    if (before)
        TAILQ_INSERT_AFTER(&waiting, before, peer, link);
    else
        TAILQ_INSERT_HEAD(&waiting, peer, link);
}

static void read_content_line(struct peer *peer)
{
    if (!strcmp(peer->line, "."))
        take_dot(peer);
    else if (!strncasecmp(peer->line, ID_FIELD, strlen(ID_FIELD)))
        snprintf(peer->id, sizeof(peer->id), "%.255s", peer->line + strlen(ID_FIELD) + 1);
}

/* false: it has hung up. */
static bool read_command(struct peer *peer)
{
    const char *line = peer->line;

    if (!strncasecmp(line, "EHLO", 4)) {
        say(peer, "250-relay.test\r\n250-PIPELINING\r\n250 SIZE 20971520\r\n");
    } else if (!strncasecmp(line, "DATA", 4)) {
        peer->in_content = true;
        peer->id[0] = '\0';
        say(peer, "354 go\r\n");
    } else if (!strncasecmp(line, "QUIT", 4)) {
        say(peer, "221 bye\r\n");
        hang_up(peer);
        return false;
    } else {
        say(peer, "250 2.0.0 ok\r\n");
    }
    return true;
}

static bool read_line(struct peer *peer)
{
    if (peer->length && peer->line[peer->length - 1] == '\r')
        peer->length--;
    peer->line[peer->length] = '\0';
    peer->length = 0;
    if (!peer->in_content)
        return read_command(peer);
    read_content_line(peer);
    return true;
}

static void read_from(struct peer *peer)
{
    char octets[65536];
    ssize_t got = read(peer->fd, octets, sizeof(octets));

    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            hang_up(peer);
        return;
    }
    for (ssize_t i = 0; i < got; i++) {
        if (octets[i] == '\n') {
            if (!read_line(peer))
                return;
        } else if (peer->length < sizeof(peer->line) - 1) {
            peer->line[peer->length++] = octets[i];
        }
    }
}

static void answer_what_is_due(int64_t now_ms)
{
    struct peer *peer;

    while ((peer = TAILQ_FIRST(&waiting)) && peer->answer_at_ms <= now_ms)
        answer_dot(peer);
}

static void serve(void)
{
    static struct epoll_event events[EVENTS];
    int64_t tell_at_ms = 0;

    for (;;) {
        int64_t now_ms = now_us(CLOCK_MONOTONIC) / 1000, wake_ms = tell_at_ms;
        const struct peer *first = TAILQ_FIRST(&waiting);

        if (first && first->answer_at_ms < wake_ms)
            wake_ms = first->answer_at_ms;
        int n = epoll_wait(poller, events, EVENTS, wake_ms > now_ms ? (int)(wake_ms - now_ms) : 0);

        for (int i = 0; i < n; i++) {
            struct peer *peer = events[i].data.ptr;

            if (peer->listens)
                accept_from(peer);
            else
                read_from(peer);
        }
        now_ms = now_us(CLOCK_MONOTONIC) / 1000;
        answer_what_is_due(now_ms);
        if (now_ms < tell_at_ms)
            continue;
        printf("open %lld %u %u\n", (long long)now_us(CLOCK_REALTIME), open_count, waiting_count);
        if (fflush(stdout))
            return;
        tell_at_ms = now_ms + TELL_MS;
    }
}

int main(void)
{
    struct rlimit files;
    char how[16], address[64];
    int delay_ms, port;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0)
        fail("epoll_create1");
    while (scanf("%15s %d %63s %d", how, &delay_ms, address, &port) == 4)
        listen_on(how, delay_ms, address, port);
    puts("ready");
    fflush(stdout);
    serve();
    return 0;
}
