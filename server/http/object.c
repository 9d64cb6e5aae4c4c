/*
 * object.c - write JSON objects. See object.h.
 */
#include "server/http/object.h"

#include <string.h>

#include "common/clock.h"
#include "common/json.h"

struct object object_open(struct buf *out)
{
    buf_append_char(out, '{');
    return (struct object){.out = out};
}

void object_close(struct object *o)
{
    buf_append_char(o->out, '}');
}

void object_key(struct object *o, const char *key)
{
    if (o->any)
        buf_append_char(o->out, ',');
    o->any = true;
    buf_append_char(o->out, '"'); /* our own keys need no escapes */
    buf_append_str(o->out, key);
    buf_append(o->out, "\":", 2);
}

void object_text(struct object *o, const char *key, const char *value)
{
    if (!value)
        return;
    object_key(o, key);
    json_append_string(o->out, value);
}

void object_raw(struct object *o, const char *key, const char *json)
{
    if (!json)
        return;
    object_key(o, key);
    buf_append_str(o->out, json);
}

void object_int(struct object *o, const char *key, int64_t value)
{
    object_key(o, key);
    buf_printf(o->out, "%lld", (long long)value);
}

void object_bool(struct object *o, const char *key, bool value)
{
    object_raw(o, key, value ? "true" : "false");
}

void object_time(struct object *o, const char *key, int64_t epoch_us)
{
    char iso[CLOCK_ISO_OCTETS];
    char *fraction;

    clock_format_iso(epoch_us, iso);
    fraction = strchr(iso, '.');
    if (fraction)
        memcpy(fraction, "Z", 2);
    object_text(o, key, iso);
}
