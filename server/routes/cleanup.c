/*
 * cleanup.c - POST /commands/cleanup-messages: what is final and long since told goes.
 *
 * Done in chunks, each a transaction of its own that looks at 1000 messages, so that neither locks
 * nor memory grow with the backlog. The connection goes back to the pool between chunks: others get
 * their turn. A cleanup that fails halfway has removed what it has removed; asking again goes on
 * from there. The command log has it from the first chunk on.
 */
#include <stdlib.h>
#include <string.h>

#include "server/command_log.h"
#include "server/http/object.h"
#include "server/http/shape.h"
#include "server/routes/routes.h"
#include "server/transaction.h"
#include "sql/statements.h"

enum { CLEANUP_AGE_MAX_S = 2000000000 }; /* 63 years: nothing is older */

/* The last message looked at, in the order of the tenant's list. */
struct cleanup_key {
    int64_t priority, created_us;
    char *message_id; /* owned; NULL: at the end */
};

/* A request, and where it is at. */
struct cleanup {
    struct request *req;
    const char *asked;     /* the tenant it is about, as the command log has it; NULL: all */
    const char *tenant_id; /* whose messages are looked at now */
    int64_t before_s;
    struct cleanup_key key;
    int64_t removed;
    bool noted;    /* in the command log, by the first chunk */
    PGresult *res; /* owned; of the chunk under way */
};

/* What an answer of cleanup_messages gives. */
enum cleanup_column {
    CLEANUP_REMOVED,
    CLEANUP_PRIORITY,
    CLEANUP_CREATED_US,
    CLEANUP_MESSAGE_ID,
};

/* transaction_fn */
static enum err cleanup_remove(struct db_conn *db, void *arg, struct error *err)
{
    struct cleanup *c = arg;
    struct db_params p = {0};
    enum err rc;

    PQclear(c->res);
    c->res = NULL;
    db_param_text(&p, c->tenant_id);
    db_param_int(&p, c->key.priority);
    db_param_int(&p, c->key.created_us);
    db_param_text(&p, c->key.message_id);
    db_param_int(&p, c->before_s);
    rc = db_run(db, &SQL_CLEANUP_MESSAGES, &p, &c->res, err);
    if (!rc && !c->noted)
        rc = command_log_append(db, c->req, "cleanupMessages", c->asked, err);
    return rc;
}

/* Go on behind the chunk that was committed. */
static enum err cleanup_advance(struct cleanup *c, struct error *err)
{
    const char *message_id = db_str(c->res, 0, CLEANUP_MESSAGE_ID);

    c->noted = true;
    c->removed += db_int(c->res, 0, CLEANUP_REMOVED);
    free(c->key.message_id);
    c->key.priority = db_int(c->res, 0, CLEANUP_PRIORITY);
    c->key.created_us = db_int(c->res, 0, CLEANUP_CREATED_US);
    c->key.message_id = message_id ? strdup(message_id) : NULL;
    if (message_id && !c->key.message_id)
        return error_set(err, ERR_NOMEM, "out of memory for a cleanup");
    return ERR_OK;
}

/* The tenant's next messages. */
static enum err cleanup_run_chunk(struct cleanup *c, struct error *err)
{
    struct db_conn *db;
    enum err rc = request_db(c->req, &db, err);

    if (!rc)
        rc = transaction_run(db, cleanup_remove, c, err);
    if (!rc)
        rc = cleanup_advance(c, err);
    PQclear(c->res);
    c->res = NULL;
    request_give_db(c->req);
    return rc;
}

static enum err cleanup_run_tenant(struct cleanup *c, struct error *err)
{
    enum err rc = ERR_OK;

    c->key = (struct cleanup_key){.priority = -1, .message_id = strdup("")};
    if (!c->key.message_id)
        return error_set(err, ERR_NOMEM, "out of memory for a cleanup");
    while (!rc && c->key.message_id)
        rc = cleanup_run_chunk(c, err);
    free(c->key.message_id);
    return rc;
}

/* The tenants meant, and what counts as old. */
static enum err cleanup_find(const struct cleanup *c, int64_t age_s, PGresult **ret,
                             struct error *err)
{
    struct db_params p = {0};
    struct db_conn *db;
    enum err rc = request_db(c->req, &db, err);

    db_param_text(&p, c->asked);
    db_param_int(&p, age_s);
    if (!rc)
        rc = db_run(db, &SQL_FIND_CLEANUP, &p, ret, err);
    request_give_db(c->req);
    return rc;
}

static void cleanup_run(struct cleanup *c, int64_t age_s, struct reply *reply)
{
    PGresult *tenants = NULL;
    struct error err;
    enum err rc = cleanup_find(c, age_s, &tenants, &err);

    for (int i = 0; !rc && i < PQntuples(tenants); i++) {
        c->tenant_id = db_str(tenants, i, 0);
        c->before_s = db_int(tenants, i, 1);
        rc = cleanup_run_tenant(c, &err);
    }
    PQclear(tenants);
    if (rc) {
        reply_error(reply, &err);
    } else {
        struct object o = object_open(reply_json(reply, 200));

        object_bool(&o, "ok", true);
        object_int(&o, "removed", c->removed);
        object_close(&o);
    }
}

void cleanup_post(struct request *req, struct reply *reply)
{
    int64_t kept_s = req->context->config->delivery_report_retention_seconds;
    int64_t age_s; /* the setting's 0 means for ever, the request's 0 all that was told */
    struct cleanup c = {.req = req};

    age_s = value_int(req->body, "older_than_seconds", kept_s ? kept_s : CLEANUP_AGE_MAX_S);
    if (age_s < 0)
        age_s = 0;
    if (age_s > CLEANUP_AGE_MAX_S)
        age_s = CLEANUP_AGE_MAX_S;
    if (request_tenant(req, value_text(req->body, "tenant_id"), &c.asked, reply))
        cleanup_run(&c, age_s, reply);
}
