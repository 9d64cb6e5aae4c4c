/*
 * fuzz_route.c - a request of any method, path, query and body, held against the real route table:
 * it is refused with JSON that says why, or every text the handler would read can be stored and is
 * within its limits.
 *
 * The first line is "METHOD target", visible ASCII as civetweb lets through, the rest the body.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "server/routes/routes.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);

static void fuzz_route_check_error(const cJSON *error)
{
    const cJSON *loc = json_get(error, "loc");

    assert(cJSON_IsString(json_get(error, "type")) && cJSON_IsString(json_get(error, "msg")));
    assert(cJSON_IsArray(loc) && cJSON_GetArraySize(loc) > 0);
}

static void fuzz_route_check_refusal(const struct reply *reply)
{
    struct json_syntax_error syntax;
    const cJSON *detail, *error;
    cJSON *answer = NULL;

    assert(reply->status >= 300 && reply->status < 500 &&
           strlen(reply->headers) < sizeof(reply->headers));
    if (reply->status == 307)
        return;
    if (json_parse(reply->body.data, reply->body.len, &answer, &syntax, NULL))
        abort();
    detail = json_get_value(answer, "detail");
    assert(reply->status == 422 ? cJSON_GetArraySize(detail) > 0 : cJSON_IsString(detail));
    if (reply->status == 422)
        cJSON_ArrayForEach(error, detail) fuzz_route_check_error(error);
    cJSON_Delete(answer);
}

/* What fits its field can be stored. */
static void fuzz_route_check_fields(const struct field *fields, const cJSON *object)
{
    for (const struct field *f = fields; f && f->name; f++) {
        const cJSON *item = json_get_value(object, f->name);
        int64_t number;
        bool flag;

        if (!item) {
            assert(!(f->flags & FIELD_REQUIRED));
        } else if (f->type == FIELD_TEXT || f->type == FIELD_LINE || f->type == FIELD_URL_PART) {
            assert(!json_check_text(value_text(object, f->name)));
            assert(strlen(value_text(object, f->name)) <= (f->max ? (size_t)f->max : 1024));
            assert(f->type == FIELD_TEXT || !strpbrk(value_text(object, f->name), "\r\n"));
        } else if (f->type == FIELD_INT) {
            assert(json_to_nearest_int(item, &number) && number >= f->min && number <= f->max);
        } else if (f->type == FIELD_BOOL) {
            assert(json_to_bool(item, &flag));
        } else if (f->type == FIELD_OBJECT) {
            assert(cJSON_IsObject(item) && !fields_check_texts(item));
        } else if (f->type == FIELD_TEXTS) {
            assert(cJSON_IsArray(item) && !fields_check_texts(item));
        } else if (f->type == FIELD_INTS) {
            assert(cJSON_IsArray(item) && cJSON_GetArraySize(item) <= (int)f->count);
        }
    }
}

static void fuzz_route_run(struct request *req, const char *query, const char *body, size_t n)
{
    struct reply reply = {.body = BUF_INIT(REPLY_BODY_CAP_OCTETS)};
    const struct route *route = router_find(routes, req, query, &reply);
    struct json_syntax_error syntax;
    const cJSON *param;

    if (!route) {
        fuzz_route_check_refusal(&reply);
    } else if (route->body == ROUTE_NO_BODY || n == 0 ||
               !json_parse(body, n, &req->body, &syntax, NULL)) {
        if (router_check(route, req, &reply)) {
            cJSON_ArrayForEach(param, req->params) assert(!json_check_text(param->valuestring));
            fuzz_route_check_fields(route->params, req->params);
            fuzz_route_check_fields(route->query, req->query);
            if (route->in && route->body != ROUTE_ANY_BODY && cJSON_IsObject(req->body))
                fuzz_route_check_fields(route->in->fields, req->body);
        } else {
            fuzz_route_check_refusal(&reply);
        }
    }
    reply_clear(&reply);
}

static bool fuzz_route_is_visible(const char *text)
{
    while (*text > ' ' && *text < 0x7f)
        text++;
    return *text == '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
    char *text = malloc(n + 1), *line_end, *path, *query;
    struct request req = {0};

    assert(text);
    if (n)
        memcpy(text, octets, n);
    text[n] = '\0';
    line_end = memchr(text, '\n', n);
    path = memchr(text, ' ', line_end ? (size_t)(line_end - text) : n);
    if (line_end)
        *line_end = '\0';
    if (path && path[1] == '/' && fuzz_route_is_visible(path + 1)) {
        size_t at = line_end ? (size_t)(line_end - text) + 1 : n;

        *path++ = '\0';
        query = strchr(path, '?');
        if (query)
            *query++ = '\0';
        if (!request_init(&req, NULL, text, path, query, NULL)) {
            req.caller.kind = CALLER_ADMIN;
            fuzz_route_run(&req, query, text + at, n - at);
        }
        request_clear(&req);
    }
    free(text);
    return 0;
}
