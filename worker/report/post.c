/*
 * post.c - target, signature and verdict of one call. See post.h.
 */
#include "worker/report/post.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/token.h"
#include "common/utf8.h"
#include "worker/http_url.h"
#include "worker/tenant_auth.h"

#define POST_PATH          "/mail-proxy/sync"
#define POST_SECRET_PREFIX "whsec_"

enum { POST_ANSWER_CAP = 1024 * 1024, POST_HEADER_OCTETS = 128, POST_ID_DIGEST_OCTETS = 16 };

/* Year 10000: beyond what a client can mean and timestamptz shows well. */
#define POST_TIME_MAX 253402300800.0

enum err post_make_id(const struct outbox_tenant *tenant, const struct outbox_batch *batch,
                      char ret[POST_ID_OCTETS], struct error *err)
{
    unsigned char digest[TOKEN_HASH_OCTETS];
    struct buf text = BUF_INIT(SIZE_MAX / 2);

    buf_append_str(&text, tenant->tenant_id);
    buf_append_char(&text, '\n');
    if (!batch->entries) /* polls look all alike, but each is one of its own */
        buf_printf(&text, "%lld\n", (long long)tenant->lease_token);
    buf_append(&text, batch->body.data, batch->body.len);
    enum err rc = buf_check(&text, "a report's id", err);
    if (!rc)
        rc = token_hash(text.data, digest, err);
    if (!rc) {
        size_t at = (size_t)snprintf(ret, POST_ID_OCTETS, "msg_");
        for (size_t i = 0; i < POST_ID_DIGEST_OCTETS; i++)
            at += (size_t)snprintf(ret + at, POST_ID_OCTETS - at, "%02x", digest[i]);
    }
    buf_clear(&text);
    return rc;
}

/* The key's octets; *ret is owned by the caller. */
static enum err post_read_key(const char *secret, unsigned char **ret, size_t *ret_octets,
                              struct error *err)
{
    size_t prefix = strlen(POST_SECRET_PREFIX);

    if (!strncmp(secret, POST_SECRET_PREFIX, prefix)) {
        if (token_base64_decode(secret + prefix, strlen(secret + prefix), ret, ret_octets, NULL))
            return error_set(err, ERR_INPUT,
                             "report_secret is not base64 after " POST_SECRET_PREFIX);
        return ERR_OK;
    }
    *ret = (unsigned char *)strdup(secret);
    *ret_octets = strlen(secret);
    return *ret ? ERR_OK : error_set(err, ERR_NOMEM, "out of memory for a key");
}

enum err post_sign(const char *secret, const char *id, int64_t timestamp_s, const char *body,
                   size_t body_octets, char ret[POST_SIGNATURE_OCTETS], struct error *err)
{
    unsigned char *key = NULL, mac[TOKEN_HASH_OCTETS];
    struct buf text = BUF_INIT(SIZE_MAX / 2);
    size_t key_octets = 0;
    char *base64 = NULL;
    enum err rc = post_read_key(secret, &key, &key_octets, err);

    if (rc)
        goto out;
    buf_printf(&text, "%s.%lld.", id, (long long)timestamp_s);
    buf_append(&text, body, body_octets);
    rc = buf_check(&text, "a signature", err);
    if (rc)
        goto out;
    rc = token_hmac(key, key_octets, text.data, text.len, mac, err);
    if (!rc)
        rc = token_base64(mac, sizeof(mac), &base64, err);
    if (!rc)
        snprintf(ret, POST_SIGNATURE_OCTETS, "v1,%s", base64);
out:
    if (key)
        explicit_bzero(key, key_octets);
    free(key);
    free(base64);
    buf_clear(&text);
    return rc;
}

/* The tenant's own URL, else the service's client URL, whose credentials are settings. */
static enum err post_find_target(const struct config *config, const struct secret_ring *keys,
                                 const struct outbox_tenant *tenant, char **ret_url,
                                 struct tenant_auth *ret_auth, struct error *err)
{
    if (tenant->base_url) {
        enum err rc = tenant_auth_open(keys, tenant->tenant_id, tenant->auth_key_id,
                                       tenant->auth_sealed, tenant->auth_octets, ret_auth, err);
        if (rc)
            return rc;
        *ret_url = http_url_join(tenant->base_url, tenant->sync_path, POST_PATH);
    } else {
        if (!config->client_sync_url)
            return error_set(err, ERR_INPUT, "the tenant has no client_base_url");
        ret_auth->http = (struct http_auth){
            .method = config->client_sync_token  ? HTTP_AUTH_BEARER
                      : config->client_sync_user ? HTTP_AUTH_BASIC
                                                 : HTTP_AUTH_NONE,
            .user = config->client_sync_user,
            .password = config->client_sync_password,
            .token = config->client_sync_token,
        };
        *ret_url = strdup(config->client_sync_url);
    }
    return *ret_url ? ERR_OK : error_set(err, ERR_NOMEM, "out of memory for a URL");
}

struct post_headers {
    char id[POST_HEADER_OCTETS];
    char timestamp[POST_HEADER_OCTETS];
    char signature[POST_HEADER_OCTETS]; /* "" without a report_secret */
    const char *list[4];
};

static enum err post_make_headers(const struct secret_ring *keys,
                                  const struct outbox_tenant *tenant,
                                  const struct outbox_batch *batch, struct post_headers *ret,
                                  struct error *err)
{
    int64_t now_s = clock_wall_us() / 1000000;
    char id[POST_ID_OCTETS], signature[POST_SIGNATURE_OCTETS];
    char *secret = NULL;
    enum err rc = post_make_id(tenant, batch, id, err);

    if (rc)
        return rc;
    snprintf(ret->id, sizeof(ret->id), "webhook-id: %s", id);
    snprintf(ret->timestamp, sizeof(ret->timestamp), "webhook-timestamp: %lld", (long long)now_s);
    ret->list[0] = ret->id;
    ret->list[1] = ret->timestamp;
    if (!tenant->secret_sealed)
        return ERR_OK;
    rc = tenant_auth_open_text(keys, tenant->tenant_id, "report_secret", tenant->secret_key_id,
                               tenant->secret_sealed, tenant->secret_octets, &secret, err);
    if (!rc)
        rc = post_sign(secret, id, now_s, batch->body.data, batch->body.len, signature, err);
    if (!rc) {
        snprintf(ret->signature, sizeof(ret->signature), "webhook-signature: %s", signature);
        ret->list[2] = ret->signature;
    }
    secret_wipe_free(secret);
    return rc;
}

enum err post_start(struct http_client *http, const struct config *config,
                    const struct secret_ring *keys, const struct outbox_tenant *tenant,
                    const struct outbox_batch *batch, http_done_fn *done, void *arg,
                    struct http_call **ret, struct error *err)
{
    struct post_headers headers = {0};
    struct tenant_auth auth = {0};
    char *url = NULL;
    enum err rc = post_find_target(config, keys, tenant, &url, &auth, err);

    if (!rc)
        rc = post_make_headers(keys, tenant, batch, &headers, err);
    if (rc)
        goto out;
    const struct http_request request = {
        .url = url,
        .body = batch->body.data,
        .body_octets = batch->body.len,
        .headers = headers.list,
        .auth = auth.http,
        .allow_private = !tenant->base_url || tenant->base_url_trusted,
        .connect_timeout_ms = config->sync_connect_timeout * 1000,
        .timeout_ms = config->sync_timeout * 1000,
        .max_octets = POST_ANSWER_CAP,
    };
    rc = http_client_start(http, &request, done, arg, ret, err);
out:
    tenant_auth_clear(&auth);
    free(url);
    return rc;
}

/* A number of the answer, between 0 and `max`; 0 when it is anything else. */
static int64_t post_read_number(const cJSON *object, const char *key, double max)
{
    const cJSON *value = json_get_value(object, key);

    if (!cJSON_IsNumber(value) || !(value->valuedouble > 0 && value->valuedouble < max))
        return 0;
    return (int64_t)value->valuedouble;
}

static void post_read_wishes(const struct http_answer *answer, struct post_verdict *ret)
{
    struct json_syntax_error syntax;
    cJSON *object = NULL;

    if (!answer->body_octets ||
        json_parse(answer->body, answer->body_octets, &object, &syntax, NULL))
        return;
    ret->queued = post_read_number(object, "queued", 1e9);
    ret->next_sync_s = post_read_number(object, "next_sync_after", POST_TIME_MAX);
    cJSON_Delete(object);
}

void post_refuse(const char *reason, struct post_verdict *ret)
{
    size_t at = 0;

    *ret = (struct post_verdict){.retry_after_s = -1};
    while (*reason) {
        size_t n = utf8_octets(reason);
        if (at + n >= sizeof(ret->reason))
            break;
        memcpy(ret->reason + at, reason, n);
        at += n;
        reason += n ? n : 1;
    }
}

void post_judge(const struct http_answer *answer, struct post_verdict *ret)
{
    bool success = answer->status >= 200 && answer->status <= 299;
    char text[POST_HEADER_OCTETS];

    if (success && (answer->rc == ERR_OK || answer->rc == ERR_LIMIT)) {
        /* A body that is too long to read is no reason to tell everything again. */
        *ret = (struct post_verdict){.acknowledged = true, .retry_after_s = -1};
        post_read_wishes(answer, ret);
        return;
    }
    snprintf(text, sizeof(text), "answered %ld", answer->status);
    post_refuse(answer->rc ? answer->err.text : text, ret);
    if (answer->status == 503)
        ret->retry_after_s = answer->retry_after_s;
}
