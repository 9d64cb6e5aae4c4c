/*
 * claim.c - one claimed row as a struct. See claim.h.
 */
#include "worker/claim/claim.h"

#include <stdlib.h>
#include <string.h>

#include "common/db.h"

/* The columns of claim_messages, in order. */
enum claim_column {
    CLAIM_AGAIN_MS,
    CLAIM_REJECTED,
    CLAIM_MESSAGE_PK,
    CLAIM_LEASE_TOKEN,
    CLAIM_CREATED_US,
    CLAIM_QUEUE_MS,
    CLAIM_ATTEMPT,
    CLAIM_RETRIES,
    CLAIM_PRIORITY,
    CLAIM_SIZE_OCTETS,
    CLAIM_ATTACHMENTS,
    CLAIM_MESSAGE_ID,
    CLAIM_MIME_MESSAGE_ID,
    CLAIM_CONTENT,
    CLAIM_SETTLED,
    CLAIM_RETRY_DELAYS,
    CLAIM_RETRY_MAX_AGE,
    CLAIM_FAILING_S,
    CLAIM_TENANT_ID,
    CLAIM_ACCOUNT_ID,
    CLAIM_VERSION,
    CLAIM_HOST,
    CLAIM_PORT,
    CLAIM_USER,
    CLAIM_PASSWORD,
    CLAIM_PASSWORD_KEY,
    CLAIM_USE_TLS,
    CLAIM_TLS_VERIFY,
    CLAIM_TLS_CA,
    CLAIM_TLS_PIN,
    CLAIM_TIMEOUT,
    CLAIM_TTL,
    CLAIM_CONNECTIONS,
    CLAIM_BATCH_SIZE,
    CLAIM_DSN_NOTIFY,
    CLAIM_DSN_RET,
    CLAIM_BASE_URL,
    CLAIM_BASE_URL_TRUSTED,
    CLAIM_ATTACHMENT_PATH,
    CLAIM_AUTH,
    CLAIM_AUTH_KEY,
    CLAIM_LARGE_FILE_CONFIG,
    CLAIM_USES_OAUTH,
    CLAIM_TLS_CLIENT_CERT,
    CLAIM_TLS_CLIENT_KEY,
    CLAIM_TLS_CLIENT_KEY_KEY,
    CLAIM_PROVEN,
    CLAIM_KEPT_BACK,
    CLAIM_PASSED,
    CLAIM_TOOK_MS,
};

static void claim_account_free(struct claim_account *a)
{
    if (!a)
        return;
    free(a->tenant_id);
    free(a->account_id);
    free(a->host);
    free(a->user);
    free(a->password_sealed);
    free(a->password_key_id);
    free(a->tls_ca);
    free(a->tls_pin);
    free(a->tls_client_cert);
    free(a->tls_client_key_sealed);
    free(a->tls_client_key_key_id);
    free(a->dsn_notify);
    free(a->dsn_ret);
    free(a);
}

static void claim_tenant_free(struct claim_tenant *t)
{
    if (!t)
        return;
    free(t->base_url);
    free(t->attachment_path);
    free(t->large_file_config);
    free(t->auth_sealed);
    free(t->auth_key_id);
    free(t);
}

void claim_free(struct claim *claim)
{
    if (!claim)
        return;
    free(claim->message_id);
    free(claim->mime_message_id);
    free(claim->content);
    free(claim->settled);
    claim_account_free(claim->account);
    claim_tenant_free(claim->tenant);
    free(claim);
}

/* Copies that fail are counted, and looked at once at the end. */
static char *claim_copy(const PGresult *res, int row, int column, bool *failed)
{
    const char *value = db_str(res, row, column);
    char *copy = value ? strdup(value) : NULL;

    if (value && !copy)
        *failed = true;
    return copy;
}

static void claim_copy_octets(const PGresult *res, int row, int column, unsigned char **ret,
                              size_t *retlen, bool *failed)
{
    if (db_octets(res, row, column, ret, retlen, NULL))
        *failed = true;
}

/* PostgreSQL's text form of an integer array: {60,300}. NULL: the service's own schedule. */
static void claim_read_delays(const char *text, const struct config *config,
                              struct config_delays *ret)
{
    *ret = config->retry_delays;
    if (!text)
        return;
    ret->count = 0;
    for (const char *at = text + 1; *at && *at != '}' && ret->count < CONFIG_DELAYS_MAX;) {
        char *end;

        ret->seconds[ret->count++] = (int32_t)strtol(at, &end, 10);
        at = *end == ',' ? end + 1 : end;
    }
}

static struct claim_account *claim_read_account(const PGresult *res, int row,
                                                const struct config *config)
{
    struct claim_account *a = calloc(1, sizeof(*a));
    bool failed = false;

    if (!a)
        return NULL;
    a->tenant_id = claim_copy(res, row, CLAIM_TENANT_ID, &failed);
    a->account_id = claim_copy(res, row, CLAIM_ACCOUNT_ID, &failed);
    a->version = db_int(res, row, CLAIM_VERSION);
    a->host = claim_copy(res, row, CLAIM_HOST, &failed);
    a->port = (int32_t)db_int(res, row, CLAIM_PORT);
    a->user = claim_copy(res, row, CLAIM_USER, &failed);
    claim_copy_octets(res, row, CLAIM_PASSWORD, &a->password_sealed, &a->password_octets, &failed);
    a->password_key_id = claim_copy(res, row, CLAIM_PASSWORD_KEY, &failed);
    a->uses_oauth = db_bool(res, row, CLAIM_USES_OAUTH);
    a->proven = db_bool(res, row, CLAIM_PROVEN);
    a->use_tls = db_bool(res, row, CLAIM_USE_TLS);
    a->tls_verify = db_bool(res, row, CLAIM_TLS_VERIFY);
    a->tls_ca = claim_copy(res, row, CLAIM_TLS_CA, &failed);
    a->tls_pin = claim_copy(res, row, CLAIM_TLS_PIN, &failed);
    a->tls_client_cert = claim_copy(res, row, CLAIM_TLS_CLIENT_CERT, &failed);
    claim_copy_octets(res, row, CLAIM_TLS_CLIENT_KEY, &a->tls_client_key_sealed,
                      &a->tls_client_key_octets, &failed);
    a->tls_client_key_key_id = claim_copy(res, row, CLAIM_TLS_CLIENT_KEY_KEY, &failed);
    a->timeout_s = (int32_t)db_int(res, row, CLAIM_TIMEOUT);
    a->ttl_s = (int32_t)db_int(res, row, CLAIM_TTL);
    a->connections = (int32_t)db_int(res, row, CLAIM_CONNECTIONS);
    a->batch_size =
        (int32_t)(db_is_null(res, row, CLAIM_BATCH_SIZE) ? config->batch_size_per_account
                                                         : db_int(res, row, CLAIM_BATCH_SIZE));
    a->dsn_notify = claim_copy(res, row, CLAIM_DSN_NOTIFY, &failed);
    a->dsn_ret = claim_copy(res, row, CLAIM_DSN_RET, &failed);
    if (failed) {
        claim_account_free(a);
        return NULL;
    }
    return a;
}

static struct claim_tenant *claim_read_tenant(const PGresult *res, int row)
{
    struct claim_tenant *t = calloc(1, sizeof(*t));
    bool failed = false;

    if (!t)
        return NULL;
    t->base_url = claim_copy(res, row, CLAIM_BASE_URL, &failed);
    t->base_url_trusted = db_bool(res, row, CLAIM_BASE_URL_TRUSTED);
    t->attachment_path = claim_copy(res, row, CLAIM_ATTACHMENT_PATH, &failed);
    t->large_file_config = claim_copy(res, row, CLAIM_LARGE_FILE_CONFIG, &failed);
    claim_copy_octets(res, row, CLAIM_AUTH, &t->auth_sealed, &t->auth_octets, &failed);
    t->auth_key_id = claim_copy(res, row, CLAIM_AUTH_KEY, &failed);
    if (failed) {
        claim_tenant_free(t);
        return NULL;
    }
    return t;
}

int32_t claim_priority(const struct claim *claim, int64_t now_mono_ms)
{
    int64_t risen;

    if (claim->priority <= 1 || claim->priority_age_ms == 0)
        return claim->priority;
    risen = (now_mono_ms - claim->claimed_mono_ms) / claim->priority_age_ms;
    return risen >= claim->priority - 1 ? 1 : claim->priority - (int32_t)risen;
}

struct claim_outlook claim_read_outlook(const PGresult *res)
{
    struct claim_outlook ret = {.again_ms = -1};

    if (PQntuples(res) > 0) {
        if (!db_is_null(res, 0, CLAIM_AGAIN_MS))
            ret.again_ms = db_int(res, 0, CLAIM_AGAIN_MS);
        ret.rejected = db_int(res, 0, CLAIM_REJECTED);
        ret.kept_back = db_bool(res, 0, CLAIM_KEPT_BACK);
        ret.passed = db_bool(res, 0, CLAIM_PASSED);
        ret.took_ms = db_int(res, 0, CLAIM_TOOK_MS);
        ret.claims = db_is_null(res, 0, CLAIM_MESSAGE_PK) ? 0 : PQntuples(res);
    }
    return ret;
}

enum err claim_read_row(const PGresult *res, int row, const struct config *config,
                        struct claim **ret, struct error *err)
{
    struct claim *claim = calloc(1, sizeof(*claim));
    bool failed = false;

    if (!claim)
        return error_set(err, ERR_NOMEM, "out of memory for a claim");
    claim->message_pk = db_int(res, row, CLAIM_MESSAGE_PK);
    claim->lease_token = db_int(res, row, CLAIM_LEASE_TOKEN);
    claim->created_us = db_int(res, row, CLAIM_CREATED_US);
    claim->queue_ms = db_int(res, row, CLAIM_QUEUE_MS);
    claim->attempt = (int32_t)db_int(res, row, CLAIM_ATTEMPT);
    /* A first attempt is never early: the claim's transaction just began before the message's. */
    if (claim->queue_ms < 0) {
        claim->early_ms = claim->attempt > 1 ? -claim->queue_ms : 0;
        claim->queue_ms = 0;
    }
    claim->retries = (int32_t)db_int(res, row, CLAIM_RETRIES);
    claim->priority = (int32_t)db_int(res, row, CLAIM_PRIORITY);
    claim->priority_age_ms = config->priority_age * 1000;
    claim->size_octets = (int32_t)db_int(res, row, CLAIM_SIZE_OCTETS);
    claim->attachments = (int32_t)db_int(res, row, CLAIM_ATTACHMENTS);
    claim->message_id = claim_copy(res, row, CLAIM_MESSAGE_ID, &failed);
    claim->mime_message_id = claim_copy(res, row, CLAIM_MIME_MESSAGE_ID, &failed);
    claim->content = claim_copy(res, row, CLAIM_CONTENT, &failed);
    claim->settled = claim_copy(res, row, CLAIM_SETTLED, &failed);
    claim_read_delays(db_str(res, row, CLAIM_RETRY_DELAYS), config, &claim->retry_delays);
    claim->retry_max_age_s = db_is_null(res, row, CLAIM_RETRY_MAX_AGE)
                                 ? config->retry_max_age
                                 : db_int(res, row, CLAIM_RETRY_MAX_AGE);
    claim->failing_s = db_int(res, row, CLAIM_FAILING_S);
    claim->account = claim_read_account(res, row, config);
    claim->tenant = claim_read_tenant(res, row);
    if (failed || !claim->account || !claim->tenant) {
        claim_free(claim);
        return error_set(err, ERR_NOMEM, "out of memory for a claim");
    }
    *ret = claim;
    return ERR_OK;
}
