/*
 * payload.c - events merged by message, written as JSON. See payload.h.
 */
#include "worker/report/payload.h"

#include <string.h>

#include "common/json.h"

/* What the events of one message come to. */
struct payload_entry {
    const struct payload_event *message; /* any of its events, for the ids */
    const struct payload_event *final;   /* the last of sent and error */
    const struct payload_event *deferred;
    const struct payload_event *bounce;
    const struct payload_event *pec;
};

static bool payload_is(const struct payload_event *e, const char *type)
{
    return e && !strcmp(e->event_type, type);
}

static void payload_merge(struct payload_entry *entry, const struct payload_event *e)
{
    entry->message = e;
    if (payload_is(e, "sent") || payload_is(e, "error"))
        entry->final = e;
    else if (payload_is(e, "deferred"))
        entry->deferred = e;
    else if (payload_is(e, "bounce"))
        entry->bounce = e;
    else
        entry->pec = e;
}

static void payload_put_text(struct buf *out, const char *key, const char *value)
{
    if (!value)
        return;
    buf_printf(out, ",\"%s\":", key);
    json_append_string(out, value);
}

static void payload_put_int(struct buf *out, const char *key, int64_t value)
{
    buf_printf(out, ",\"%s\":%lld", key, (long long)value);
}

/* A member of the event's metadata, under another name perhaps. */
static void payload_put_member(struct buf *out, const char *key, const cJSON *metadata,
                               const char *member)
{
    const cJSON *value = json_get_value(metadata, member);

    if (!value)
        return;
    buf_printf(out, ",\"%s\":", key);
    json_append_value(out, value);
}

static void payload_put_refused(struct buf *out, const struct payload_event *e,
                                const cJSON *metadata)
{
    (void)e;
    payload_put_member(out, "refused", metadata, "refused");
}

static void payload_put_bounce(struct buf *out, const struct payload_event *e,
                               const cJSON *metadata)
{
    payload_put_int(out, "bounce_ts", e->event_at_s);
    payload_put_member(out, "bounce_type", metadata, "bounce_type");
    payload_put_member(out, "bounce_code", metadata, "bounce_code");
    payload_put_text(out, "bounce_reason", e->description);
}

static void payload_put_pec(struct buf *out, const struct payload_event *e, const cJSON *metadata)
{
    (void)metadata;
    payload_put_text(out, "pec_event", e->event_type);
    payload_put_int(out, "pec_ts", e->event_at_s);
    payload_put_text(out, "pec_details", e->description);
}

/* When it happened; null in the format of 2025 if it did not. */
static void payload_put_time(struct buf *out, const char *key, const struct payload_event *e,
                             enum payload_format format)
{
    if (e)
        payload_put_int(out, key, e->event_at_s);
    else if (format == PAYLOAD_SEED)
        buf_printf(out, ",\"%s\":null", key);
}

/* A deferral says nothing once there is a final state. */
static void payload_put_state(struct buf *out, const struct payload_entry *entry,
                              enum payload_format format)
{
    const struct payload_event *error = payload_is(entry->final, "error") ? entry->final : NULL;
    const struct payload_event *deferred = entry->final ? NULL : entry->deferred;

    payload_put_time(out, "sent_ts", error ? NULL : entry->final, format);
    payload_put_time(out, "error_ts", error, format);
    if (error)
        payload_put_text(out, "error", error->description ? error->description : "");
    else if (format == PAYLOAD_SEED)
        buf_append_str(out, ",\"error\":null");
    payload_put_time(out, "deferred_ts", deferred, format);
    if (deferred)
        payload_put_text(out, "deferred_reason", deferred->description);
}

static void payload_put(struct buf *out, const struct payload_event *e,
                        void (*put)(struct buf *, const struct payload_event *, const cJSON *))
{
    struct json_syntax_error syntax;
    cJSON *metadata = NULL;

    if (!e)
        return;
    if (e->metadata && json_parse(e->metadata, strlen(e->metadata), &metadata, &syntax, NULL))
        metadata = NULL; /* the database holds JSON only */
    put(out, e, metadata);
    cJSON_Delete(metadata);
}

static void payload_put_entry(struct buf *out, const struct payload_entry *entry,
                              enum payload_format format)
{
    buf_append_str(out, "{\"id\":");
    json_append_string(out, entry->message->message_id);
    if (format == PAYLOAD_SEED) {
        payload_put_text(out, "account_id", entry->message->account_id);
        payload_put_int(out, "priority", entry->message->priority);
    }
    payload_put_state(out, entry, format);
    payload_put(out, entry->final, payload_put_refused);
    payload_put(out, entry->bounce, payload_put_bounce);
    payload_put(out, entry->pec, payload_put_pec);
    buf_append_char(out, '}');
}

enum err payload_write(const struct payload_event *events, size_t count, enum payload_format format,
                       struct buf *out, size_t *ret_entries, struct error *err)
{
    size_t entries = 0;

    buf_append_str(out, "{\"delivery_report\":[");
    for (size_t i = 0; i < count;) {
        struct payload_entry entry = {0};
        const char *id = events[i].message_id;
        if (!id) {
            i++;
            continue;
        }
        for (; i < count && events[i].message_id && !strcmp(events[i].message_id, id); i++)
            payload_merge(&entry, &events[i]);
        if (entries++)
            buf_append_char(out, ',');
        payload_put_entry(out, &entry, format);
    }
    buf_append_str(out, "]}");
    enum err rc = buf_check(out, "the report", err);
    if (!rc)
        *ret_entries = entries;
    return rc;
}
