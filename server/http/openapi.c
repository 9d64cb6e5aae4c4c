/*
 * openapi.c - tables into JSON. See openapi.h.
 */
#include "server/http/openapi.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "common/json.h"
#include "server/http/object.h"

enum { OPENAPI_SHAPES_MAX = 128, OPENAPI_NAME_OCTETS = 64 };

/* The shapes met on the way, each described once. */
struct openapi_shapes {
    const struct shape *seen[OPENAPI_SHAPES_MAX];
    size_t count;
};

static const char openapi_intro[] =
    "Keys whose value would be null are left out. Keys named *_ts are seconds since the epoch. "
    "Unknown members and parameters are ignored. An integer may come as 2525, \"2525\", 7.0 or "
    "true; a boolean as true false t f yes no y n on off 1 0.";

/* ---- schemas ---- */

static void openapi_append_ref(struct buf *out, const char *name)
{
    buf_printf(out, "{\"$ref\":\"#/components/schemas/%s\"}", name);
}

static const char *openapi_type(const struct field *field)
{
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_LINE:
    case FIELD_URL_PART:
        return "string";
    case FIELD_INT:
        return "integer";
    case FIELD_NUMBER:
        return "number";
    case FIELD_BOOL:
        return "boolean";
    case FIELD_OBJECT:
        return "object";
    case FIELD_LIST:
    case FIELD_TEXTS:
    case FIELD_INTS:
        return "array";
    case FIELD_ANY:
        break;
    }
    return NULL;
}

static void openapi_append_range(struct object *o, const struct field *field)
{
    if (field->min != INT64_MIN)
        object_int(o, "minimum", field->min);
    if (field->max && field->max != INT64_MAX)
        object_int(o, "maximum", field->max);
}

static void openapi_append_items(struct object *o, const struct field *field)
{
    object_key(o, "items");
    if (field->shape) {
        openapi_append_ref(o->out, field->shape->name);
    } else {
        struct object items = object_open(o->out);

        if (field->type == FIELD_TEXTS)
            object_text(&items, "type", "string");
        if (field->type == FIELD_INTS) {
            object_text(&items, "type", "integer");
            openapi_append_range(&items, field);
        }
        object_close(&items);
    }
}

static void openapi_append_labels(struct object *o, const char *const *labels)
{
    object_key(o, "enum");
    buf_append_char(o->out, '[');
    for (size_t i = 0; labels[i]; i++) {
        if (i)
            buf_append_char(o->out, ',');
        json_append_string(o->out, labels[i]);
    }
    buf_append_char(o->out, ']');
}

/* A member's schema. A reference stands beside its description, as JSON Schema 2020-12 allows. */
static void openapi_append_field(struct buf *out, const struct field *field)
{
    struct object o = object_open(out);
    const char *type = openapi_type(field);

    if (field->type == FIELD_OBJECT && field->shape) {
        object_key(&o, "$ref");
        buf_printf(out, "\"#/components/schemas/%s\"", field->shape->name);
    } else {
        object_text(&o, "type", type);
    }
    if (field->type == FIELD_INT)
        openapi_append_range(&o, field);
    if (type && !strcmp(type, "array"))
        openapi_append_items(&o, field);
    if (type && !strcmp(type, "string") && (field->flags & FIELD_NOT_EMPTY))
        object_int(&o, "minLength", 1);
    if (field->labels)
        openapi_append_labels(&o, field->labels);
    object_text(&o, "description", field->doc);
    object_close(&o);
}

static void openapi_append_shape(struct buf *out, const struct shape *shape)
{
    struct object o = object_open(out), properties;
    bool any = false;

    object_text(&o, "type", "object");
    object_text(&o, "description", shape->doc);
    object_key(&o, "properties");
    properties = object_open(out);
    for (const struct field *f = shape->fields; f && f->name; f++) {
        object_key(&properties, f->name);
        openapi_append_field(out, f);
    }
    object_close(&properties);
    for (const struct field *f = shape->fields; f && f->name; f++) {
        if (!(f->flags & FIELD_REQUIRED))
            continue;
        if (!any)
            object_key(&o, "required");
        buf_append_char(out, any ? ',' : '[');
        json_append_string(out, f->name);
        any = true;
    }
    if (any)
        buf_append_char(out, ']');
    object_bool(&o, "additionalProperties", shape->open);
    object_close(&o);
}

/* Remember a shape and the ones within it. Shapes refer to each other in no circle. */
static void openapi_collect_shape(struct openapi_shapes *shapes, const struct shape *shape)
{
    if (!shape)
        return;
    for (size_t i = 0; i < shapes->count; i++)
        if (shapes->seen[i] == shape)
            return;
    assert(shapes->count < OPENAPI_SHAPES_MAX);
    shapes->seen[shapes->count++] = shape;
    for (const struct field *f = shape->fields; f && f->name; f++)
        openapi_collect_shape(shapes, f->shape);
}

/* ---- operations ---- */

/* "postCommandsAddMessages" */
static void openapi_append_operation_id(struct object *o, const struct route *route)
{
    struct buf name = BUF_INIT(OPENAPI_NAME_OCTETS);
    bool word = true;

    for (const char *p = route->method; *p; p++)
        buf_append_char(&name, (char)tolower((unsigned char)*p));
    for (const char *p = route->path; *p; p++) {
        if (!isalnum((unsigned char)*p)) {
            word = true;
        } else {
            buf_append_char(&name, word ? (char)toupper((unsigned char)*p) : *p);
            word = false;
        }
    }
    object_text(o, "operationId", name.failed ? NULL : name.data);
    buf_clear(&name);
}

static void openapi_append_parameter(struct buf *out, const struct field *field, const char *in,
                                     bool required, bool *any)
{
    struct object o;

    if (*any)
        buf_append_char(out, ',');
    *any = true;
    o = object_open(out);
    object_text(&o, "name", field->name);
    object_text(&o, "in", in);
    object_bool(&o, "required", required);
    object_text(&o, "description", field->doc);
    object_key(&o, "schema");
    openapi_append_field(out, field);
    object_close(&o);
}

static void openapi_append_path_parameter(struct buf *out, const struct route *route,
                                          const char *name, size_t len, bool *any)
{
    char text[OPENAPI_NAME_OCTETS] = "";
    struct field plain = {.name = text};
    const struct field *field = &plain;

    assert(len < sizeof(text));
    memcpy(text, name, len);
    for (const struct field *f = route->params; f && f->name; f++)
        if (!strcmp(f->name, text))
            field = f;
    openapi_append_parameter(out, field, "path", true, any);
}

static void openapi_append_parameters(struct object *o, const struct route *route)
{
    bool any = false;

    if (!route->query && !strchr(route->path, '{'))
        return;
    object_key(o, "parameters");
    buf_append_char(o->out, '[');
    for (const char *p = strchr(route->path, '{'); p; p = strchr(p + 1, '{'))
        openapi_append_path_parameter(o->out, route, p + 1, strcspn(p + 1, "}"), &any);
    for (const struct field *f = route->query; f && f->name; f++)
        openapi_append_parameter(o->out, f, "query", (f->flags & FIELD_REQUIRED) != 0, &any);
    buf_append_char(o->out, ']');
}

static void openapi_append_content(struct object *o, const char *media_type, const char *schema)
{
    struct object content, media;

    object_key(o, "content");
    content = object_open(o->out);
    object_key(&content, media_type);
    media = object_open(o->out);
    object_key(&media, "schema");
    if (strcmp(media_type, "application/json") != 0)
        buf_append_str(o->out, "{\"type\":\"string\"}");
    else
        openapi_append_ref(o->out, schema);
    object_close(&media);
    object_close(&content);
}

static void openapi_append_body(struct object *o, const struct route *route)
{
    struct object body;

    if (!route->in)
        return;
    object_key(o, "requestBody");
    body = object_open(o->out);
    object_bool(&body, "required", route->body == ROUTE_JSON);
    openapi_append_content(&body, "application/json", route->in->name);
    object_close(&body);
}

static void openapi_append_answer(struct object *o, int status, const char *doc,
                                  const char *media_type, const char *schema)
{
    struct object answer;
    char key[12];

    snprintf(key, sizeof(key), "%d", status);
    object_key(o, key);
    answer = object_open(o->out);
    object_text(&answer, "description", doc);
    if (status != 304) /* which has no content */
        openapi_append_content(&answer, media_type ? media_type : "application/json", schema);
    object_close(&answer);
}

/* What every route may answer besides its own. */
static const struct openapi_common {
    int status;
    const char *doc, *schema;
} openapi_common[] = {
    {200, "Done.", "Ok"},
    {400, "It cannot be done, or the request is no proper HTTP; the detail says why.", "Error"},
    {401, "No token, an unknown one, or one that may not do this.", "Error"},
    {403, "A tenant's token, where the admin token is asked for.", "Error"},
    {413, "The body is over GMP_MAX_BODY_BYTES.", "Error"},
    {422, "The body is not JSON, or a member or parameter does not fit.", "Unfit"},
    {503, "Not now: the database cannot be reached, or too much at once. See Retry-After.",
     "Error"},
};

static bool openapi_is_possible(const struct route *route, int status)
{
    switch (status) {
    case 200:
        return !route->answers;
    case 401:
        return route->auth != AUTH_PUBLIC;
    case 403:
        return route->auth == AUTH_ADMIN;
    case 413:
        return route->body == ROUTE_JSON || route->body == ROUTE_OPTIONAL_JSON;
    default:
        return true;
    }
}

static void openapi_append_answers(struct object *o, const struct route *route)
{
    struct object answers;

    object_key(o, "responses");
    answers = object_open(o->out);
    for (const struct answer *a = route->answers; a && a->status; a++)
        openapi_append_answer(&answers, a->status, a->doc, a->media_type,
                              a->shape          ? a->shape->name
                              : a->status < 400 ? "Ok"
                                                : "Error");
    for (size_t i = 0; i < sizeof(openapi_common) / sizeof(openapi_common[0]); i++) {
        const struct openapi_common *c = &openapi_common[i];
        bool own = false;

        for (const struct answer *a = route->answers; a && a->status; a++)
            own = own || a->status == c->status;
        if (!own && openapi_is_possible(route, c->status))
            openapi_append_answer(&answers, c->status, c->doc, NULL, c->schema);
    }
    object_close(&answers);
}

static const char *openapi_security(enum auth_class class)
{
    switch (class) {
    case AUTH_PUBLIC:
        return "[]";
    case AUTH_METRICS:
        return "[{},{\"token\":[]},{\"bearer\":[]}]";
    default:
        return "[{\"token\":[]}]";
    }
}

static void openapi_append_operation(struct object *path, const struct route *route)
{
    char method[OPENAPI_NAME_OCTETS] = "";
    struct object o;

    for (size_t i = 0; route->method[i] && i + 1 < sizeof(method); i++)
        method[i] = (char)tolower((unsigned char)route->method[i]);
    object_key(path, method);
    o = object_open(path->out);
    openapi_append_operation_id(&o, route);
    object_text(&o, "summary", route->summary);
    object_text(&o, "description", route->doc);
    object_raw(&o, "security", openapi_security(route->auth));
    openapi_append_parameters(&o, route);
    openapi_append_body(&o, route);
    openapi_append_answers(&o, route);
    object_close(&o);
}

static bool openapi_is_first(const struct route *routes, const struct route *route)
{
    for (const struct route *r = routes; r < route; r++)
        if (!strcmp(r->path, route->path))
            return false;
    return true;
}

static void openapi_append_paths(struct object *o, const struct route *routes)
{
    struct object paths, path;

    object_key(o, "paths");
    paths = object_open(o->out);
    for (const struct route *r = routes; r->path; r++) {
        if (!openapi_is_first(routes, r))
            continue;
        object_key(&paths, r->path);
        path = object_open(o->out);
        for (const struct route *m = r; m->path; m++)
            if (!strcmp(m->path, r->path))
                openapi_append_operation(&path, m);
        object_close(&path);
    }
    object_close(&paths);
}

static void openapi_append_components(struct object *o, const struct route *routes)
{
    struct openapi_shapes shapes = {0};
    struct object components, schemas;

    for (const struct route *r = routes; r->path; r++) {
        openapi_collect_shape(&shapes, r->in);
        for (const struct field *f = r->query; f && f->name; f++)
            openapi_collect_shape(&shapes, f->shape);
        for (const struct answer *a = r->answers; a && a->status; a++)
            openapi_collect_shape(&shapes, a->shape);
    }
    object_key(o, "components");
    components = object_open(o->out);
    object_key(&components, "schemas");
    schemas = object_open(o->out);
    object_raw(
        &schemas, "Ok",
        "{\"type\":\"object\",\"properties\":{\"ok\":{\"const\":true}},\"required\":[\"ok\"],"
        "\"additionalProperties\":false}");
    object_raw(&schemas, "Error",
               "{\"type\":\"object\",\"properties\":{\"detail\":{\"type\":\"string\"}},"
               "\"required\":[\"detail\"],\"additionalProperties\":false}");
    object_raw(
        &schemas, "Unfit",
        "{\"type\":\"object\",\"properties\":{\"detail\":{\"type\":\"array\",\"minItems\":1,"
        "\"items\":{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"string\"},"
        "\"loc\":{\"type\":\"array\",\"minItems\":1},\"msg\":{\"type\":\"string\"},"
        "\"input\":{},\"ctx\":{\"type\":\"object\"}},"
        "\"required\":[\"type\",\"loc\",\"msg\",\"input\"],\"additionalProperties\":false}}},"
        "\"required\":[\"detail\"],\"additionalProperties\":false}");
    for (size_t i = 0; i < shapes.count; i++) {
        object_key(&schemas, shapes.seen[i]->name);
        openapi_append_shape(o->out, shapes.seen[i]);
    }
    object_close(&schemas);
    object_raw(&components, "securitySchemes",
               "{\"token\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"X-API-Token\"},"
               "\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"}}");
    object_close(&components);
}

void openapi_append(struct buf *out, const struct route *routes)
{
    struct object o = object_open(out), info;

    object_text(&o, "openapi", "3.1.0");
    object_key(&o, "info");
    info = object_open(out);
    object_text(&info, "title", "mailproxy");
    object_text(&info, "version", MAILPROXY_VERSION);
    object_text(&info, "description", openapi_intro);
    object_close(&info);
    openapi_append_paths(&o, routes);
    openapi_append_components(&o, routes);
    object_close(&o);
}
