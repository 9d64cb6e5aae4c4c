/*
 * refusal.c - see refusal.h.
 */
#include "server/http/refusal.h"

#include <civetweb.h>
#include <stdlib.h>
#include <string.h>

void refusal_body(struct reply *reply, enum body_end end)
{
    switch (end) {
    case BODY_TOO_LARGE:
        reply_detail(reply, 413, "Request body too large");
        break;
    case BODY_NO_ROOM:
        reply_error(reply,
                    &(struct error){.code = ERR_LIMIT, .text = "no room for a request body"});
        break;
    case BODY_AMBIGUOUS:
        reply_detail(reply, 400, "Content-Length and Transfer-Encoding: one of them, once");
        break;
    default:
        reply_detail(reply, 400, "Request body incomplete or malformed");
        break;
    }
    reply->close = true;
}

void refusal_syntax(struct reply *reply, const struct json_syntax_error *syntax)
{
    struct buf *out = reply_json(reply, 422);

    buf_printf(out,
               "{\"detail\":[{\"type\":\"json_invalid\",\"loc\":[\"body\",%zu],\"msg\":\"JSON "
               "decode error\","
               "\"input\":{},\"ctx\":{\"error\":",
               syntax->offset);
    json_append_string(out, syntax->reason); /* "Invalid \\escape" needs one itself */
    buf_append_str(out, "}}]}");
}

void refusal_query(struct reply *reply)
{
    buf_printf(
        reply_json(reply, 422),
        "{\"detail\":[{\"type\":\"too_long\",\"loc\":[\"query\"],\"msg\":\"Query should have at "
        "most %d parameters\",\"input\":null,\"ctx\":{\"max_length\":%d}}]}",
        REQUEST_QUERY_PARAMS_MAX, REQUEST_QUERY_PARAMS_MAX);
}

/* Is it a method that civetweb does not know, in a line that it could read otherwise? */
static bool refusal_is_odd_method(const struct mg_request_info *info, int status)
{
    return status == 400 && info && info->num_headers == 0 && info->request_uri &&
           *info->request_uri == '/' && info->http_version &&
           (!strcmp(info->http_version, "1.1") || !strcmp(info->http_version, "1.0"));
}

bool refusal_method(const struct context *context, const struct route *routes,
                    const struct mg_request_info *info, int status, struct reply *reply)
{
    struct request req = {0};
    struct error err;
    char *path;

    if (!refusal_is_odd_method(info, status))
        return false;
    path = strndup(info->request_uri, strcspn(info->request_uri, "?"));
    if (!path || request_init(&req, context, info->request_method, path, NULL, &err) ||
        router_find(routes, &req, NULL, reply))
        reply_detail(reply, 400, "Bad request");
    request_clear(&req);
    free(path);
    return true;
}
