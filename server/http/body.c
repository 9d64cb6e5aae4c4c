/*
 * body.c - read and parse request bodies. See body.h.
 */
#include "server/http/body.h"

#include <civetweb.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/json_scan.h"

enum {
    BODY_READ_OCTETS = 64 * 1024,
    BODY_READ_S_MAX = 300,  /* one body, from first octet to last */
    BODY_VALUE_OCTETS = 80, /* struct cJSON and what malloc() adds */
    BODY_DRAIN_MS = 5000,
};

struct body_room {
    size_t max_one, max_all;
    atomic_size_t taken;
};

enum err body_room_new(size_t max_one, size_t max_all, struct body_room **ret, struct error *err)
{
    struct body_room *room = calloc(1, sizeof(*room));

    if (!room)
        return error_set(err, ERR_NOMEM, "out of memory for the request bodies' room");
    room->max_one = max_one;
    room->max_all = max_all;
    *ret = room;
    return ERR_OK;
}

void body_room_free(struct body_room *room)
{
    free(room);
}

/* Charge n octets more to the room; false: they do not fit at present. */
static bool body_charge(struct body *body, size_t n)
{
    size_t taken = atomic_load(&body->room->taken);

    do {
        if (n > body->room->max_all || taken > body->room->max_all - n)
            return false;
    } while (!atomic_compare_exchange_weak(&body->room->taken, &taken, taken + n));
    body->charged += n;
    return true;
}

void body_clear(struct body *body)
{
    if (body->room)
        atomic_fetch_sub(&body->room->taken, body->charged);
    free(body->text);
    *body = (struct body){0};
}

static const char *body_header(const struct mg_connection *conn, const char *name, int *ret_count)
{
    const struct mg_request_info *info = mg_get_request_info(conn);
    const char *value = NULL;

    *ret_count = 0;
    for (int i = 0; i < info->num_headers; i++) {
        if (!strcasecmp(info->http_headers[i].name, name)) {
            value = info->http_headers[i].value;
            ++*ret_count;
        }
    }
    return value;
}

/* The digits civetweb's strtoll() would take, and nothing it would forgive (signs, spaces, letters
 * behind them). */
static bool body_is_length(const char *value)
{
    size_t digits = strspn(value, "0123456789");

    return digits > 0 && digits <= 18 && value[digits] == '\0';
}

enum body_end body_check_framing(const struct mg_connection *conn)
{
    int lengths, codings;
    const char *length = body_header(conn, "Content-Length", &lengths);
    const char *coding = body_header(conn, "Transfer-Encoding", &codings);

    if (lengths + codings > 1 || (length && !body_is_length(length)) ||
        (coding && strcasecmp(coding, "chunked")))
        return BODY_AMBIGUOUS;
    return BODY_OK;
}

bool body_is_announced(const struct mg_connection *conn)
{
    int count;

    return mg_get_request_info(conn)->content_length > 0 ||
           body_header(conn, "Transfer-Encoding", &count);
}

bool body_is_awaited(const struct mg_connection *conn, const struct body *body)
{
    const char *expect = mg_get_header(conn, "Expect");

    return !body->invited && expect && !strcasecmp(expect, "100-continue");
}

static void body_invite(struct mg_connection *conn, struct body *body)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

    if (body_is_awaited(conn, body))
        mg_write(conn, text, sizeof(text) - 1);
    body->invited = true;
}

enum body_end body_read(struct mg_connection *conn, struct body_room *room, struct body *ret)
{
    struct buf text = BUF_INIT(room->max_one + BODY_READ_OCTETS);
    long long length = mg_get_request_info(conn)->content_length;
    int64_t until_ms = clock_mono_ms() + BODY_READ_S_MAX * INT64_C(1000);
    enum body_end end = BODY_OK;

    ret->room = room;
    if (length > 0 && (unsigned long long)length > room->max_one)
        return BODY_TOO_LARGE;
    if (body_is_announced(conn))
        body_invite(conn, ret);
    while (end == BODY_OK && (length < 0 || text.len < (size_t)length)) {
        char *at = buf_reserve(&text, BODY_READ_OCTETS);
        int n = at ? mg_read(conn, at, BODY_READ_OCTETS) : -1;

        if (n == 0 && length < 0)
            break; /* the last chunk */
        if (n <= 0 || clock_mono_ms() > until_ms) {
            end = at ? BODY_BROKEN : BODY_NO_ROOM;
            break;
        }
        buf_filled(&text, (size_t)n);
        if (text.len > room->max_one)
            end = BODY_TOO_LARGE;
        else if (!body_charge(ret, (size_t)n))
            end = BODY_NO_ROOM;
    }
    ret->text = buf_take(&text, &ret->len);
    buf_clear(&text);
    return end;
}

/* From behind a string's first quote to its last one; n or more: the text ends before. */
static size_t body_string_end(const char *text, size_t i, size_t n)
{
    for (; i < n; i += text[i] == '\\' ? 2 : 1) {
        i = (size_t)(json_plain_end(text + i, text + n) - text);
        if (i == n || text[i] == '"')
            break;
    }
    return i;
}

/* An upper bound of the values in a JSON text: one, and one more at each comma and each opening
 * bracket outside strings. */
static size_t body_count_values(const char *text, size_t n)
{
    size_t count = 1;

    for (size_t i = 0; i < n; i++) {
        if (text[i] == '"')
            i = body_string_end(text, i + 1, n);
        else if (text[i] == ',' || text[i] == '[' || text[i] == '{')
            count++;
    }
    return count;
}

enum body_end body_measure(struct body *body)
{
    size_t octets = body_count_values(body->text, body->len) * BODY_VALUE_OCTETS;

    if (octets > body->room->max_all - body->charged)
        return BODY_TOO_LARGE;
    return body_charge(body, octets) ? BODY_OK : BODY_NO_ROOM;
}

enum err body_parse(struct body *body, cJSON **ret, struct json_syntax_error *ret_syntax,
                    struct error *err)
{
    enum err rc = ERR_OK;

    if (body->len)
        rc = json_parse(body->text, body->len, ret, ret_syntax, err);
    free(body->text); /* the values have their own copies */
    body->text = NULL;
    return rc;
}

void body_drain(struct mg_connection *conn)
{
    int64_t until_ms = clock_mono_ms() + BODY_DRAIN_MS;
    char *waste = malloc(BODY_READ_OCTETS);

    while (waste && clock_mono_ms() < until_ms && mg_read(conn, waste, BODY_READ_OCTETS) > 0)
        ; /* gone */
    free(waste);
}
