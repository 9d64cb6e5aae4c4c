/*
 * fuzz_http.c - octets to the real civetweb, over a socket: what passes our checks of head and
 * framing is a request that a strict reader (RFC 9112) takes for the same one, with the same body.
 *
 * So nothing that a proxy before us may read in another way gets through. Left out of it is what
 * civetweb makes unrecognizable: white space before the request line, and which two octets of white
 * space end it.
 */
#include <assert.h>
#include <civetweb.h>
#include <ctype.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "server/http/body.h"
#include "server/http/head.h"

enum { FUZZ_BODY_OCTETS_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);

/* What the server took, in the form in which the strict reader tells of it too. */
static struct {
    pthread_mutex_t lock;
    struct buf taken; /* empty: nothing */
    struct body_room *room;
    uint16_t port;
} fuzz_http = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* libFuzzer's clock ticks by a signal, which would cut system calls short, here and in civetweb. */
static void fuzz_http_hold_clock(bool hold)
{
    sigset_t clock;

    sigemptyset(&clock);
    sigaddset(&clock, SIGALRM);
    pthread_sigmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &clock, NULL);
}

/* ---- the server ---- */

static void fuzz_http_take(const struct mg_request_info *info, const struct body *body)
{
    struct buf *out = &fuzz_http.taken;

    buf_printf(out, "%s %s%s%s %s\n", info->request_method, info->local_uri_raw,
               info->query_string ? "?" : "", info->query_string ? info->query_string : "",
               info->http_version);
    for (int i = 0; i < info->num_headers; i++)
        buf_printf(out, "%s:%s\n", info->http_headers[i].name, info->http_headers[i].value);
    buf_append(out, body->text, body->len);
}

static int fuzz_http_begin(struct mg_connection *conn)
{
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    const struct mg_request_info *info = mg_get_request_info(conn);
    struct body body = {0};

    pthread_mutex_lock(&fuzz_http.lock);
    if (fuzz_http.taken.len == 0 && info->num_headers < MG_MAX_HEADERS && !head_check(info) &&
        body_check_framing(conn) == BODY_OK && body_read(conn, fuzz_http.room, &body) == BODY_OK)
        fuzz_http_take(info, &body);
    pthread_mutex_unlock(&fuzz_http.lock);
    body_clear(&body);
    mg_disable_connection_keep_alive(conn);
    mg_write(conn, answer, sizeof(answer) - 1);
    return 200;
}

static void fuzz_http_start(void)
{
    static const char *options[] = {"listening_ports",
                                    "127.0.0.1:0",
                                    "num_threads",
                                    "1",
                                    "enable_keep_alive",
                                    "yes",
                                    "request_timeout_ms",
                                    "20000",
                                    "decode_url",
                                    "no",
                                    "enable_auth_domain_check",
                                    "no",
                                    NULL};
    const struct mg_callbacks callbacks = {.begin_request = fuzz_http_begin};
    struct mg_server_port port;
    struct mg_context *mg;

    mg_init_library(0);
    fuzz_http_hold_clock(true);
    mg = mg_start(&callbacks, NULL, options);
    fuzz_http_hold_clock(false);
    assert(mg && mg_get_server_ports(mg, 1, &port) == 1);
    fuzz_http.port = (uint16_t)port.port;
    fuzz_http.taken = (struct buf)BUF_INIT(4 * FUZZ_BODY_OCTETS_MAX);
    if (body_room_new(FUZZ_BODY_OCTETS_MAX, 4 * (size_t)FUZZ_BODY_OCTETS_MAX, &fuzz_http.room,
                      NULL))
        abort();
}

static void fuzz_http_send(const uint8_t *octets, size_t n)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons(fuzz_http.port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char waste[4096];

    assert(fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0);
    while (n > 0) {
        ssize_t sent = send(fd, octets, n, MSG_NOSIGNAL);

        if (sent <= 0)
            break;
        octets += sent;
        n -= (size_t)sent;
    }
    shutdown(fd, SHUT_WR);
    while (recv(fd, waste, sizeof(waste), 0) > 0)
        ; /* to the end */
    close(fd);
}

/* ---- the strict reader ---- */

struct strict {
    const char *at, *end;
    struct buf *out;
    bool bare; /* no fields, but white space */
    bool chunked;
    size_t length;
};

/* The next line, ended by CRLF; NULL: none. */
static const char *strict_line(struct strict *s, size_t *ret_n)
{
    const char *line = s->at;
    const char *lf = memchr(line, '\n', (size_t)(s->end - line));

    if (!lf || lf == line || lf[-1] != '\r')
        return NULL;
    *ret_n = (size_t)(lf - line) - 1;
    s->at = lf + 1;
    return memchr(line, '\r', *ret_n) || memchr(line, '\0', *ret_n) ? NULL : line;
}

static bool strict_request_line(struct strict *s)
{
    size_t n = 0;
    const char *line = s->at, *first, *second;

    while (line[n] && !strchr("\t\n\v\f\r", line[n]))
        n++;
    first = memchr(line, ' ', n);
    second = first ? memchr(first + 1, ' ', n - (size_t)(first + 1 - line)) : NULL;
    if (!second || first == line || second == first + 1 || s->end - second < 11 ||
        (memcmp(second, " HTTP/1.1", 9) && memcmp(second, " HTTP/1.0", 9)) ||
        !isspace((unsigned char)second[9]) || !isspace((unsigned char)second[10]))
        return false;
    buf_append(s->out, line, (size_t)(second - line));
    buf_printf(s->out, " %.3s\n", second + 6);
    s->at = second + 11;
    while (s->at < s->end && isspace((unsigned char)*s->at))
        s->at++;
    s->bare = s->at > second + 11;
    return true;
}

static bool strict_field(struct strict *s, const char *line, size_t n)
{
    const char *colon = memchr(line, ':', n);
    const char *value;

    if (!colon || colon == line)
        return false;
    for (const char *p = line; p < colon; p++)
        if (*p <= ' ' || *p >= 0x7f)
            return false;
    value = colon + 1 + strspn(colon + 1, " \t");
    buf_append(s->out, line, (size_t)(colon - line) + 1);
    buf_append(s->out, value, (size_t)(line + n - value));
    buf_append_char(s->out, '\n');
    if (colon - line == 17 && !strncasecmp(line, "Transfer-Encoding", 17))
        s->chunked = true;
    if (colon - line == 14 && !strncasecmp(line, "Content-Length", 14))
        s->length = strtoul(value, NULL, 10);
    return true;
}

/* civetweb reads the digits up to a CR and passes over more of both behind it. It does no harm: a
 * chunked request ends its connection. */
static bool strict_chunk_size(struct strict *s, size_t *ret)
{
    size_t digits = strspn(s->at, "0123456789abcdefABCDEF");
    const char *end = memmem(s->at, (size_t)(s->end - s->at), "\r\n", 2);

    if (!end || digits == 0 || s->at[digits] != '\r' || digits > 8 + strspn(s->at, "0"))
        return false;
    *ret = strtoul(s->at, NULL, 16);
    s->at = end + 2;
    return true;
}

static bool strict_chunks(struct strict *s)
{
    for (;;) {
        size_t size;

        if (!strict_chunk_size(s, &size))
            return false;
        if (size == 0)
            return true; /* trailers are not looked at */
        if ((size_t)(s->end - s->at) < size + 2 || memcmp(s->at + size, "\r\n", 2) != 0)
            return false;
        buf_append(s->out, s->at, size);
        s->at += size + 2;
    }
}

/* The last field and two LF: civetweb's other end of a head. It passes where a CR happens to be
 * behind it, be it of the request before; nothing is left out. 0: no such end, 1: it is, -1: no
 * field. */
static int strict_loose_end(struct strict *s)
{
    const char *line = s->at;
    const char *lf = memchr(line, '\n', (size_t)(s->end - line));

    if (!lf || lf == line || lf[-1] == '\r' || lf[1] != '\n')
        return 0;
    s->at = lf + 2;
    return strict_field(s, line, (size_t)(lf - line)) ? 1 : -1;
}

static bool strict_read(struct strict *s)
{
    int loose = 0;

    if (!strict_request_line(s))
        return false;
    while (!s->bare) {
        size_t n;
        const char *line;

        loose = strict_loose_end(s);
        if (loose)
            break;
        line = strict_line(s, &n);
        if (!line || (n > 0 && !strict_field(s, line, n)))
            return false;
        if (n == 0)
            break;
    }
    if (loose < 0)
        return false;
    if (s->chunked)
        return strict_chunks(s);
    if ((size_t)(s->end - s->at) < s->length)
        return false;
    buf_append(s->out, s->at, s->length);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
    struct buf expected = BUF_INIT(4 * FUZZ_BODY_OCTETS_MAX);
    char *copy = malloc(n + 1); /* with a NUL, at which all searching ends */
    struct strict strict = {.at = copy, .end = copy + n, .out = &expected};

    assert(copy);
    if (!fuzz_http.room)
        fuzz_http_start();
    if (n)
        memcpy(copy, octets, n);
    copy[n] = '\0';
    if (n > 0 && n < FUZZ_BODY_OCTETS_MAX && !isspace(octets[0])) {
        buf_truncate(&fuzz_http.taken, 0);
        fuzz_http_hold_clock(true);
        fuzz_http_send(octets, n);
        fuzz_http_hold_clock(false);
        pthread_mutex_lock(&fuzz_http.lock);
        if (fuzz_http.taken.len > 0) {
            assert(strict_read(&strict));
            assert(expected.len == fuzz_http.taken.len);
            assert(!memcmp(expected.data, fuzz_http.taken.data, expected.len));
        }
        pthread_mutex_unlock(&fuzz_http.lock);
    }
    buf_clear(&expected);
    free(copy);
    return 0;
}
