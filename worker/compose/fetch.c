/*
 * fetch.c - requests for attachments, and what their answers mean. See fetch.h.
 */
#include "worker/compose/fetch.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "worker/compose/local_file.h"
#include "worker/http_url.h"
#include "worker/tenant_auth.h"

#define FETCH_ENDPOINT_PATH "/mail-proxy/attachments"

enum { FETCH_CONNECT_MS = 10000 };

enum err fetch_local(const struct fetch_means *means, struct attachment *a, struct error *err)
{
    if (!means->config->attachment_base_dir)
        return error_set(err, ERR_INPUT,
                         "files of this host are not served: GMP_ATTACHMENT_BASE_DIR is not set");
    return local_file_read(means->config->attachment_base_dir, a->location,
                           (size_t)means->config->max_attachment_bytes, &a->octets, &a->len, err);
}

/* The attachment's own credentials, else the tenant's where they may go. */
static enum err fetch_find_auth(const struct fetch_means *means, const struct claim *claim,
                                const struct attachment *a, struct tenant_auth *ret,
                                struct error *err)
{
    const struct claim_tenant *tenant = claim->tenant;

    if (a->auth)
        return tenant_auth_open_own(means->keys, claim->account->tenant_id, claim->message_id,
                                    a->auth, ret, err);
    if (a->source == ATTACHMENT_HTTP_URL &&
        !(tenant->base_url && http_url_same_origin(tenant->base_url, a->location)))
        return ERR_OK;
    return tenant_auth_open(means->keys, claim->account->tenant_id, tenant->auth_key_id,
                            tenant->auth_sealed, tenant->auth_octets, ret, err);
}

static enum err fetch_endpoint_request(const struct claim *claim, const struct attachment *a,
                                       char **ret_url, struct buf *body, struct error *err)
{
    if (!claim->tenant->base_url)
        return error_set(err, ERR_INPUT, "the tenant has no client_base_url to fetch it from");
    buf_append_str(body, "{\"storage_path\":");
    json_append_string(body, a->location);
    buf_append_char(body, '}');
    enum err rc = buf_check(body, "the request", err);
    if (rc)
        return rc;
    *ret_url =
        http_url_join(claim->tenant->base_url, claim->tenant->attachment_path, FETCH_ENDPOINT_PATH);
    return *ret_url ? ERR_OK : error_set(err, ERR_NOMEM, "out of memory for a URL");
}

enum err fetch_remote(const struct fetch_means *means, const struct claim *claim,
                      const struct attachment *a, http_done_fn *done, void *arg,
                      struct http_call **ret, struct error *err)
{
    struct buf body = BUF_INIT(SIZE_MAX / 2);
    struct tenant_auth auth = {0};
    bool endpoint = a->source == ATTACHMENT_ENDPOINT;
    char *url = NULL;
    enum err rc = ERR_OK;

    if (endpoint)
        rc = fetch_endpoint_request(claim, a, &url, &body, err);
    if (!rc)
        rc = fetch_find_auth(means, claim, a, &auth, err);
    if (rc)
        goto out;
    const struct http_request request = {
        .url = endpoint ? url : a->location,
        .body = endpoint ? body.data : NULL,
        .body_octets = body.len,
        .auth = auth.http,
        .allow_private = endpoint && claim->tenant->base_url_trusted,
        .connect_timeout_ms = FETCH_CONNECT_MS,
        .timeout_ms = means->config->attachment_timeout * 1000,
        .max_octets = (size_t)means->config->max_attachment_bytes,
    };
    rc = http_client_start(means->http, &request, done, arg, ret, err);
out:
    tenant_auth_clear(&auth);
    buf_clear(&body);
    free(url);
    return rc;
}

bool fetch_cached(const struct fetch_means *means, const struct claim *claim, struct attachment *a)
{
    return *a->md5 &&
           cache_get(means->cache, claim->account->tenant_id, a->md5, &a->octets, &a->len);
}

enum err fetch_take_answer(const struct fetch_means *means, const struct claim *claim,
                           const struct http_answer *answer, struct attachment *a,
                           struct error *err)
{
    if (answer->timed_out)
        return error_set(err, ERR_NET, "fetch timed out");
    if (answer->rc)
        return error_set(err, answer->rc, "%s", answer->err.text);
    if (answer->status < 200 || answer->status > 299)
        return error_set(err, answer->status >= 500 ? ERR_NET : ERR_INPUT, "%ld", answer->status);
    if (!answer->body_octets)
        return error_set(err, ERR_INPUT, "returned no data");
    a->octets = malloc(answer->body_octets);
    if (!a->octets)
        return error_set(err, ERR_NOMEM, "out of memory for an attachment");
    memcpy(a->octets, answer->body, answer->body_octets);
    a->len = answer->body_octets;
    if (*a->md5)
        cache_put(means->cache, claim->account->tenant_id, a->octets, a->len);
    return ERR_OK;
}
