/*
 * reply.c - write answers to the connection. See reply.h.
 */
#include "server/http/reply.h"

#include <civetweb.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/json.h"
#include "server/http/fields.h"
#include "server/http/object.h"

enum { REPLY_CHUNK_OCTETS = 64 * 1024, REPLY_HEAD_CAP_OCTETS = 16 * 1024 };

void reply_init(struct reply *reply, struct mg_connection *conn)
{
    const struct mg_request_info *info = mg_get_request_info(conn);

    memset(reply, 0, sizeof(*reply));
    reply->conn = conn;
    reply->body.cap = REPLY_BODY_CAP_OCTETS;
    reply->http10 = !info->http_version || strcmp(info->http_version, "1.1") != 0;
    reply->head_only = info->request_method && !strcmp(info->request_method, "HEAD");
}

void reply_clear(struct reply *reply)
{
    buf_clear(&reply->body);
}

struct buf *reply_text(struct reply *reply, int status, const char *content_type)
{
    reply->status = status;
    reply->content_type = content_type;
    buf_truncate(&reply->body, 0);
    return &reply->body;
}

struct buf *reply_json(struct reply *reply, int status)
{
    return reply_text(reply, status, "application/json");
}

void reply_ok(struct reply *reply)
{
    buf_append_str(reply_json(reply, 200), "{\"ok\":true}");
}

void reply_detail(struct reply *reply, int status, const char *fmt, ...)
{
    char text[ERROR_TEXT_OCTETS];
    struct object o;
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    o = object_open(reply_json(reply, status));
    object_text(&o, "detail", text);
    object_close(&o);
}

void reply_fields(struct reply *reply, const struct fields *fields)
{
    struct buf *out = reply_json(reply, 422);

    buf_append_str(out, "{\"detail\":[");
    buf_append(out, fields->errors.data, fields->errors.len);
    buf_append_str(out, "]}");
}

void reply_error(struct reply *reply, const struct error *err)
{
    snprintf(reply->cause, sizeof(reply->cause), "%s: %s", error_name(err->code), err->text);
    switch (err->code) {
    case ERR_INPUT:
    case ERR_SECRET:
        reply_detail(reply, 400, "%s", err->text);
        return;
    case ERR_NOT_FOUND:
        reply_detail(reply, 404, "%s", err->text);
        return;
    case ERR_DB_GONE:
        reply_detail(reply, 503, "The database cannot be reached, try again");
        break;
    case ERR_LIMIT:
        reply_detail(reply, 503, "Too much at once, try again");
        break;
    default:
        reply_detail(reply, 503, "Not possible at present, try again");
        break;
    }
    reply_header(reply, "Retry-After", "1");
}

void reply_header(struct reply *reply, const char *name, const char *value)
{
    size_t used = strlen(reply->headers);

    if (used + strlen(name) + strlen(value) + sizeof(": \r\n") <= sizeof(reply->headers))
        snprintf(reply->headers + used, sizeof(reply->headers) - used, "%s: %s\r\n", name, value);
}

static const char *reply_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {{200, "OK"},
                   {304, "Not Modified"},
                   {307, "Temporary Redirect"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"},
                   {411, "Length Required"},
                   {413, "Content Too Large"},
                   {414, "URI Too Long"},
                   {422, "Unprocessable Content"},
                   {431, "Request Header Fields Too Large"},
                   {503, "Service Unavailable"},
                   {505, "HTTP Version Not Supported"}};

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return status < 500 ? "Bad Request" : "Error";
}

/* Will the connection end behind this answer? civetweb decides by the same facts; this is what the
 * client is told. */
static bool reply_will_close(const struct reply *reply)
{
    const char *wish = mg_get_header(reply->conn, "Connection");

    return reply->close || reply->http10 || (wish && strcasecmp(wish, "keep-alive") != 0);
}

static void reply_append_head(struct reply *reply, struct buf *out)
{
    char date[40];
    time_t now = time(NULL);
    struct tm tm;

    gmtime_r(&now, &tm);
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    buf_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\nCache-Control: %s\r\n", reply->status,
               reply_reason(reply->status), date,
               reply->cache_control ? reply->cache_control : "no-store");
    if (reply->content_type)
        buf_printf(out, "Content-Type: %s\r\n", reply->content_type);
    buf_append_str(out, reply->headers);
    if (!reply->streaming && reply->status != 304) /* whose length would be that of the 200 */
        buf_printf(out, "Content-Length: %zu\r\n", reply->body.len);
    if (reply->streaming && !reply->http10)
        buf_append_str(out, "Transfer-Encoding: chunked\r\n");
    if (reply_will_close(reply)) {
        buf_append_str(out, "Connection: close\r\n");
        mg_disable_connection_keep_alive(reply->conn);
    }
    buf_append(out, "\r\n", 2);
}

static void reply_write(struct reply *reply, const char *octets, size_t n)
{
    if (!reply->broken && n && mg_write(reply->conn, octets, n) != (int)n)
        reply->broken = true;
}

void reply_send(struct reply *reply)
{
    struct buf out = BUF_INIT(REPLY_HEAD_CAP_OCTETS + REPLY_CHUNK_OCTETS);
    bool small = reply->body.len <= REPLY_CHUNK_OCTETS && !reply->head_only;

    if (reply->streaming)
        return;
    if (reply->body.failed) /* an answer larger than all memory we give it */
        reply_detail(reply, 503, "The answer is too large");
    reply_append_head(reply, &out);
    if (small)
        buf_append(&out, reply->body.data, reply->body.len); /* one write, one packet */
    reply_write(reply, out.data, out.len);
    if (!small && !reply->head_only)
        reply_write(reply, reply->body.data, reply->body.len);
    buf_clear(&out);
}

struct buf *reply_stream(struct reply *reply)
{
    struct buf head = BUF_INIT(REPLY_HEAD_CAP_OCTETS);

    reply_json(reply, 200);
    reply->streaming = true;
    reply_append_head(reply, &head);
    reply_write(reply, head.data, head.len);
    buf_clear(&head);
    return &reply->body;
}

static void reply_send_chunk(struct reply *reply)
{
    char size[24];

    if (!reply->body.len)
        return;
    if (!reply->http10) {
        reply_write(reply, size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", reply->body.len));
        buf_append(&reply->body, "\r\n", 2);
    }
    reply_write(reply, reply->body.data, reply->body.len);
    buf_truncate(&reply->body, 0);
}

bool reply_flush(struct reply *reply)
{
    if (reply->body.failed)
        reply->broken = true;
    if (reply->body.len >= REPLY_CHUNK_OCTETS)
        reply_send_chunk(reply);
    return !reply->broken;
}

void reply_stream_end(struct reply *reply)
{
    if (reply->body.failed)
        reply->broken = true;
    reply_send_chunk(reply);
    if (!reply->http10)
        reply_write(reply, "0\r\n\r\n", 5);
    if (reply->broken)
        mg_disable_connection_keep_alive(reply->conn);
}

void reply_stream_cut(struct reply *reply, const struct error *err)
{
    snprintf(reply->cause, sizeof(reply->cause), "%s: %s", error_name(err->code), err->text);
    reply->broken = true;
    mg_disable_connection_keep_alive(reply->conn);
}
