/*
 * router.c - find the route, hold the request against it. See router.h.
 */
#include "server/http/router.h"

#include <stdio.h>
#include <string.h>

#include "common/json.h"

enum {
    ROUTER_NAME_OCTETS = 64,
    ROUTER_ALLOW_OCTETS = 128,
    ROUTER_LOCATION_OCTETS = 4096,
    ROUTER_PARAM_OCTETS = 8192
};

/* Length of the template's next segment, which *path points to the slash of; *path moves to the
 * next slash. */
static const char *router_next(const char **path, size_t *ret_len)
{
    const char *segment = *path + 1;

    *ret_len = strcspn(segment, "/");
    *path = segment + *ret_len;
    return segment;
}

/* Does the template fit the first `count` segments? An empty one fits no parameter. */
static bool router_fits(const char *path, char *const *segments, size_t count)
{
    size_t len;

    for (size_t i = 0; i < count; i++) {
        const char *segment;

        if (*path != '/')
            return false;
        segment = router_next(&path, &len);
        if (*segment == '{' ? !*segments[i]
                            : strlen(segments[i]) != len || memcmp(segments[i], segment, len) != 0)
            return false;
    }
    return *path == '\0';
}

/* Is there a template without parameters that fits? It goes before those with some, as in OpenAPI
 * (4.8.8.2). */
static bool router_is_literal(const struct route *routes, char *const *segments, size_t count)
{
    for (const struct route *r = routes; r->path; r++)
        if (!strchr(r->path, '{') && router_fits(r->path, segments, count))
            return true;
    return false;
}

static bool router_set_params(const char *path, struct request *req)
{
    size_t len;

    for (size_t i = 0; *path == '/'; i++) {
        const char *segment = router_next(&path, &len);
        char name[ROUTER_NAME_OCTETS];

        if (*segment != '{')
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)len - 2, segment + 1);
        if (!cJSON_AddStringToObject(req->params, name, req->segments[i]))
            return false;
    }
    return true;
}

static void router_redirect(struct request *req, const char *query, struct reply *reply)
{
    char location[ROUTER_LOCATION_OCTETS];
    int n = snprintf(location, sizeof(location), "%.*s%s%s", (int)strlen(req->path) - 1, req->path,
                     query ? "?" : "", query ? query : "");

    if (n < 0 || (size_t)n >= sizeof(location)) {
        reply_detail(reply, 404, "Not Found");
        return;
    }
    reply_json(reply, 307);
    reply_header(reply, "Location", location);
}

const struct route *router_find(const struct route *routes, struct request *req, const char *query,
                                struct reply *reply)
{
    size_t count = req->segment_count;
    bool trailing = false;
    char allow[ROUTER_ALLOW_OCTETS] = "";
    bool known = false, literal;

    if (count > REQUEST_SEGMENTS_MAX)
        count = 0; /* no route is that long */
    if (count > 1 && !*req->segments[count - 1]) {
        trailing = true;
        count--;
    }
    literal = router_is_literal(routes, req->segments, count);
    for (const struct route *r = routes; r->path && count; r++) {
        if (!router_fits(r->path, req->segments, count) || (literal && strchr(r->path, '{')))
            continue;
        if (!trailing && !strcmp(r->method, req->method)) {
            if (router_set_params(r->path, req))
                return r;
            reply_error(reply, &(struct error){.code = ERR_NOMEM,
                                               .text = "out of memory for path parameters"});
            return NULL;
        }
        snprintf(allow + strlen(allow), sizeof(allow) - strlen(allow), "%s%s", known ? ", " : "",
                 r->method);
        known = true;
    }
    if (known && trailing) {
        router_redirect(req, query, reply);
    } else if (known) {
        reply_detail(reply, 405, "Method Not Allowed");
        reply_header(reply, "Allow", allow);
    } else {
        reply_detail(reply, 404, "Not Found");
    }
    return NULL;
}

static const struct field *router_find_field(const struct field *fields, const char *name)
{
    for (const struct field *f = fields; f && f->name; f++)
        if (!strcmp(f->name, name))
            return f;
    return NULL;
}

static void router_check_params(const struct route *route, struct fields *path)
{
    const cJSON *param;

    cJSON_ArrayForEach(param, path->object)
    {
        struct field text[] = {{.name = param->string, .max = ROUTER_PARAM_OCTETS}, {0}};

        if (!router_find_field(route->params, param->string))
            shape_check(path, text);
    }
    shape_check(path, route->params);
}

/* NULL: none, or what cannot be a tenant's id, of which the shapes will tell. */
static const char *router_given_tenant(const struct field *fields, const cJSON *object)
{
    const struct field *field = router_find_field(fields, "tenant_id");
    const char *name = field ? value_given(object, "tenant_id") : NULL;

    return name && strlen(name) <= (size_t)field->max && !json_check_text(name) ? name : NULL;
}

/* The tenant that the request names; NULL: none. */
static const char *router_named_tenant(const struct route *route, const struct request *req)
{
    const char *name = value_text(req->params, "tenant_id");

    if (!name && route->in)
        name = router_given_tenant(route->in->fields, req->body);
    return name ? name : router_given_tenant(route->query, req->query);
}

/* Whoever names another's tenant is told that and nothing else. */
static bool router_check_tenant(const struct route *route, const struct request *req,
                                struct reply *reply)
{
    const char *name = router_named_tenant(route, req);

    if (route->auth != AUTH_TENANT || route->items_name_tenants || route->body == ROUTE_ANY_BODY ||
        !name || request_may_use(req, name))
        return true;
    reply_detail(reply, 401, "Token not authorized for this tenant");
    return false;
}

bool router_check(const struct route *route, struct request *req, struct reply *reply)
{
    struct fields f;
    bool fine;

    if (!router_check_tenant(route, req, reply))
        return false;
    f = fields_of("path", req->params);
    router_check_params(route, &f);
    fields_look_at(&f, "query", req->query);
    shape_check(&f, route->query);
    if (route->body == ROUTE_JSON ||
        (route->body == ROUTE_OPTIONAL_JSON && req->body && !cJSON_IsNull(req->body))) {
        fields_look_at(&f, "body", req->body);
        shape_check(&f, route->in->fields);
    }
    fine = !fields_failed(&f);
    if (!fine)
        reply_fields(reply, &f);
    fields_clear(&f);
    return fine;
}
