#include "worker/authorize/endpoint.h"

enum {
    ENDPOINT_CONNECT_MS = 10 * 1000,
    ENDPOINT_ALL_MS = 20 * 1000,
    ENDPOINT_FORM_CAP_OCTETS = 256 * 1024
};

enum err endpoint_ask(struct http_client *http, const struct grant *grant, http_done_fn *done,
                      void *arg, struct http_call **ret, struct error *err)
{
    static const char *const headers[] = {"Accept: application/json", NULL};
    struct buf form = BUF_INIT(ENDPOINT_FORM_CAP_OCTETS), id = BUF_INIT(ENDPOINT_FORM_CAP_OCTETS);
    struct buf secret = BUF_INIT(ENDPOINT_FORM_CAP_OCTETS);
    enum err rc;

    grant_write_form(grant, &form);
    buf_append_char(&form, '\0');
    grant_write_client(grant, &id, &secret);
    rc = buf_check(&form, "the form for a token endpoint", err);
    if (!rc)
        rc = buf_check(&id, "a client id", err);
    if (!rc)
        rc = buf_check(&secret, "a client secret", err);
    if (!rc) {
        const struct http_request request = {
            .url = grant->url,
            .body = form.data,
            .body_octets = form.len - 1,
            .content_type = "application/x-www-form-urlencoded",
            .headers = headers,
            .auth = {.method = grant->basic ? HTTP_AUTH_BASIC : HTTP_AUTH_NONE,
                     .user = id.data,
                     .password = secret.data},
            .connect_timeout_ms = ENDPOINT_CONNECT_MS,
            .timeout_ms = ENDPOINT_ALL_MS,
            .max_octets = ANSWER_CAP_OCTETS,
        };
        rc = http_client_start(http, &request, done, arg, ret, err);
    }
    buf_wipe(&form);
    buf_clear(&id);
    buf_wipe(&secret);
    return rc;
}

enum err endpoint_read(const struct grant *grant, const struct http_answer *http,
                       struct answer *ret, struct error *err)
{
    struct buf id = BUF_INIT(ENDPOINT_FORM_CAP_OCTETS);
    struct buf secret = BUF_INIT(ENDPOINT_FORM_CAP_OCTETS);
    enum err rc;

    /* An endpoint that does not decode what it was sent quotes the secret as it came. */
    grant_write_client(grant, &id, &secret);
    rc = buf_check(&secret, "a client secret", err);
    if (!rc) {
        const char *const secrets[] = {grant->client_secret ? grant->client_secret : "",
                                       grant->refresh_token ? grant->refresh_token : "",
                                       secret.data, NULL};

        rc = answer_read(http->status, http->body, http->body_octets, secrets, ret, err);
    }
    buf_clear(&id);
    buf_wipe(&secret);
    return rc;
}
