/*
 * outbox.c - rows into a tenant to call and a report to tell. See outbox.h.
 */
#include "worker/report/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "common/db.h"

enum { OUTBOX_BODY_CAP = 16 * 1024 * 1024 };

/* The columns of claim_tenants and of load_events, in order. */
enum outbox_tenant_column {
    OUTBOX_TENANT_ID,
    OUTBOX_LEASE_TOKEN,
    OUTBOX_NEWS_SEQ,
    OUTBOX_BASE_URL,
    OUTBOX_BASE_URL_TRUSTED,
    OUTBOX_SYNC_PATH,
    OUTBOX_AUTH,
    OUTBOX_AUTH_KEY,
    OUTBOX_FORMAT,
    OUTBOX_SECRET,
    OUTBOX_SECRET_KEY,
    OUTBOX_FAILED,
};
enum outbox_event_column {
    OUTBOX_EVENT_PK,
    OUTBOX_CREATED_US,
    OUTBOX_EVENT_TYPE,
    OUTBOX_EVENT_AT,
    OUTBOX_DESCRIPTION,
    OUTBOX_METADATA,
    OUTBOX_MESSAGE_ID,
    OUTBOX_ACCOUNT_ID,
    OUTBOX_PRIORITY,
};

void outbox_tenant_clear(struct outbox_tenant *t)
{
    free(t->tenant_id);
    free(t->base_url);
    free(t->sync_path);
    free(t->auth_sealed);
    free(t->auth_key_id);
    free(t->secret_sealed);
    free(t->secret_key_id);
    *t = (struct outbox_tenant){0};
}

/* True unless memory is out. */
static bool outbox_copy(const PGresult *res, int row, int column, char **ret)
{
    const char *text = db_str(res, row, column);

    *ret = text ? strdup(text) : NULL;
    return !text || *ret;
}

enum err outbox_read_tenant(const PGresult *res, int row, struct outbox_tenant *ret,
                            struct error *err)
{
    struct outbox_tenant t = {
        .lease_token = db_int(res, row, OUTBOX_LEASE_TOKEN),
        .news_seq = db_int(res, row, OUTBOX_NEWS_SEQ),
        .base_url_trusted = db_bool(res, row, OUTBOX_BASE_URL_TRUSTED),
        .failed = db_bool(res, row, OUTBOX_FAILED),
        .seed_format = !strcmp(db_str(res, row, OUTBOX_FORMAT), "seed"),
    };
    enum err rc = ERR_OK;

    if (!outbox_copy(res, row, OUTBOX_TENANT_ID, &t.tenant_id) ||
        !outbox_copy(res, row, OUTBOX_BASE_URL, &t.base_url) ||
        !outbox_copy(res, row, OUTBOX_SYNC_PATH, &t.sync_path) ||
        !outbox_copy(res, row, OUTBOX_AUTH_KEY, &t.auth_key_id) ||
        !outbox_copy(res, row, OUTBOX_SECRET_KEY, &t.secret_key_id))
        rc = error_set(err, ERR_NOMEM, "out of memory for a tenant");
    if (!rc)
        rc = db_octets(res, row, OUTBOX_AUTH, &t.auth_sealed, &t.auth_octets, err);
    if (!rc)
        rc = db_octets(res, row, OUTBOX_SECRET, &t.secret_sealed, &t.secret_octets, err);
    if (rc)
        outbox_tenant_clear(&t);
    else
        *ret = t;
    return rc;
}

void outbox_batch_clear(struct outbox_batch *b)
{
    buf_clear(&b->body);
    db_array_clear(&b->event_pks);
    *b = (struct outbox_batch){0};
}

static struct payload_event outbox_read_event(const PGresult *res, int row)
{
    return (struct payload_event){
        .message_id = db_str(res, row, OUTBOX_MESSAGE_ID),
        .account_id = db_str(res, row, OUTBOX_ACCOUNT_ID),
        .priority = db_int(res, row, OUTBOX_PRIORITY),
        .event_type = db_str(res, row, OUTBOX_EVENT_TYPE),
        .event_at_s = db_int(res, row, OUTBOX_EVENT_AT),
        .description = db_str(res, row, OUTBOX_DESCRIPTION),
        .metadata = db_str(res, row, OUTBOX_METADATA),
    };
}

enum err outbox_read_batch(const PGresult *res, size_t max_events, enum payload_format format,
                           struct outbox_batch *ret, struct error *err)
{
    size_t found = (size_t)PQntuples(res), count = found < max_events ? found : max_events;
    struct payload_event *events = calloc(count + 1, sizeof(*events));
    struct outbox_batch b = {
        .body = BUF_INIT(max_events > 1 ? OUTBOX_BODY_CAP : SIZE_MAX / 2),
        .event_pks = db_array_of(DB_INT8),
        .more = found > count,
    };
    enum err rc;

    if (!events)
        return error_set(err, ERR_NOMEM, "out of memory for events");
    for (size_t i = 0; i < count; i++) {
        int64_t created_us = db_int(res, (int)i, OUTBOX_CREATED_US);
        events[i] = outbox_read_event(res, (int)i);
        db_array_int(&b.event_pks, db_int(res, (int)i, OUTBOX_EVENT_PK));
        if (i == 0 || created_us < b.oldest_us)
            b.oldest_us = created_us;
        if (i == 0 || created_us > b.newest_us)
            b.newest_us = created_us;
    }
    rc = db_array_check(&b.event_pks, err);
    if (!rc)
        rc = payload_write(events, count, format, &b.body, &b.entries, err);
    if (rc)
        goto out;
    *ret = b;
    b = (struct outbox_batch){0};
out:
    outbox_batch_clear(&b);
    free(events);
    return rc;
}
