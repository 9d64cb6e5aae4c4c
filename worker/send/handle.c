#include "worker/send/handle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/loopback.h"

enum { HANDLE_BUFFER_OCTETS = 4096 }; /* replies only; curl's default of 16 KiB is for bodies */

/* Remember the first failure of a row of curl_easy_setopt(): all it can be is lack of memory. */
static void handle_set(CURLcode *cc, CURLcode next)
{
    if (*cc == CURLE_OK)
        *cc = next;
}

static bool handle_fail(struct connection_failure *ret, enum phase phase, enum mishap mishap,
                        const char *text)
{
    ret->phase = phase;
    ret->mishap = mishap;
    reply_describe(&ret->reply, text);
    return false;
}

/* smtp://host:port/name, built by curl's own URL parser so that no part can turn into another. */
static CURLUcode handle_build_url(CURLU *url, const struct handle *h,
                                  const struct claim_account *account, const char *helo)
{
    char host[300], port[16], path[CONNECTION_HELO_OCTETS + 1];
    bool bare_ipv6 = strchr(account->host, ':') && account->host[0] != '[';
    int n = snprintf(host, sizeof(host), bare_ipv6 ? "[%s]" : "%s", account->host);
    CURLUcode uc;

    if (n < 1 || (size_t)n >= sizeof(host) || strpbrk(host, "/?#@\\ "))
        return CURLUE_BAD_HOSTNAME;
    snprintf(port, sizeof(port), "%d", (int)account->port);
    snprintf(path, sizeof(path), "/%s", helo);
    uc = curl_url_set(url, CURLUPART_SCHEME, h->tls == HANDLE_TLS_IMPLICIT ? "smtps" : "smtp", 0);
    if (!uc)
        uc = curl_url_set(url, CURLUPART_HOST, host, 0);
    if (!uc)
        uc = curl_url_set(url, CURLUPART_PORT, port, 0);
    if (!uc)
        uc = curl_url_set(url, CURLUPART_PATH, path, CURLU_URLENCODE);
    return uc;
}

static bool handle_set_address(struct handle *h, CURLcode *cc, const struct connection_room *room,
                               const struct claim_account *account, struct connection_failure *ret)
{
    CURLU *url = curl_url();
    CURLUcode uc;

    if (!url) {
        *cc = CURLE_OUT_OF_MEMORY;
        return false;
    }
    uc = handle_build_url(url, h, account, room->helo);
    if (!uc)
        handle_set(cc, curl_easy_setopt(h->easy, CURLOPT_CURLU, url));
    /* CURLOPT_CURLU borrows, but a URL as a string would be parsed once more: it is freed with the
     * handle. */
    h->url = url;
    if (uc == CURLUE_OUT_OF_MEMORY)
        *cc = CURLE_OUT_OF_MEMORY;
    else if (uc)
        return handle_fail(ret, PHASE_CONNECT, MISHAP_REFUSED,
                           "the account's host is not a host name");
    return *cc == CURLE_OK;
}

static void handle_set_tls(struct handle *h, CURLcode *cc, const struct config *config,
                           const struct claim_account *account)
{
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
    bool own_ca = account->tls_ca || config->ca_file;

    if (h->tls == HANDLE_TLS_NONE)
        return;
    if (h->tls == HANDLE_TLS_STARTTLS)
        handle_set(cc, curl_easy_setopt(h->easy, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL));
    handle_set(cc,
               curl_easy_setopt(h->easy, CURLOPT_SSL_VERIFYPEER, account->tls_verify ? 1L : 0L));
    handle_set(cc,
               curl_easy_setopt(h->easy, CURLOPT_SSL_VERIFYHOST, account->tls_verify ? 2L : 0L));
    if (account->tls_ca) {
        struct curl_blob pem = {account->tls_ca, strlen(account->tls_ca), CURL_BLOB_COPY};

        handle_set(cc, curl_easy_setopt(h->easy, CURLOPT_CAINFO_BLOB, &pem));
    } else if (config->ca_file) {
        handle_set(cc, curl_easy_setopt(h->easy, CURLOPT_CAINFO, config->ca_file));
    }
    /* Debian's curl also trusts a directory: it would add the system's store to an own CA, and keep
       curl from caching the parsed store, which costs 10 ms of every handshake. */
    if (own_ca || curl->cainfo)
        handle_set(cc, curl_easy_setopt(h->easy, CURLOPT_CAPATH, NULL));
    if (account->tls_pin)
        handle_set(cc, curl_easy_setopt(h->easy, CURLOPT_PINNEDPUBLICKEY, account->tls_pin));
}

/* One of the account's sealed texts, in the clear; false: told in *ret_failure. */
static bool handle_open_secret(const struct connection_room *room,
                               const struct claim_account *account, const char *what,
                               const char *key_id, const unsigned char *octets, size_t len,
                               enum phase phase, char **ret, struct connection_failure *ret_failure)
{
    char context[SECRET_CONTEXT_OCTETS];
    struct error err = {0};

    secret_context(context, (const char *const[]){"account", account->tenant_id,
                                                  account->account_id, what, NULL});
    return !secret_open(room->keys, context, key_id, octets, len, ret, &err) ||
           handle_fail(ret_failure, phase, MISHAP_SECRET, err.text);
}

/* The key is not copied by curl, which would not wipe its copy. */
static bool handle_set_client_certificate(struct handle *h, CURLcode *cc,
                                          const struct connection_room *room,
                                          const struct claim_account *account,
                                          struct connection_failure *ret)
{
    struct curl_blob blob;

    if (!account->tls_client_cert || h->tls == HANDLE_TLS_NONE)
        return true;
    if (!handle_open_secret(room, account, "tls_client_key", account->tls_client_key_key_id,
                            account->tls_client_key_sealed, account->tls_client_key_octets,
                            PHASE_TLS, &h->client_key, ret))
        return false;
    blob = (struct curl_blob){account->tls_client_cert, strlen(account->tls_client_cert),
                              CURL_BLOB_COPY};
    handle_set(cc, curl_easy_setopt(h->easy, CURLOPT_SSLCERT_BLOB, &blob));
    blob = (struct curl_blob){h->client_key, strlen(h->client_key), CURL_BLOB_NOCOPY};
    handle_set(cc, curl_easy_setopt(h->easy, CURLOPT_SSLKEY_BLOB, &blob));
    return true;
}

/*
 * Of the two curl takes OAUTHBEARER (RFC 7628) where the relay offers it, else XOAUTH2. Without an
 * initial response: a token makes AUTH longer than the 512 octets that RFC 4954 section 4 allows.
 */
static bool handle_set_token(struct handle *h, CURLcode *cc, const struct claim_account *account,
                             const char *token, struct connection_failure *ret)
{
    if (h->tls == HANDLE_TLS_NONE && !loopback_is_host(account->host))
        return handle_fail(ret, PHASE_AUTH, MISHAP_PLAIN_AUTH,
                           "an access token is not sent without TLS: set use_tls");
    h->login = true;
    h->token = true;
    handle_set(cc, curl_easy_setopt(h->easy, CURLOPT_USERNAME, account->user));
    handle_set(cc, curl_easy_setopt(h->easy, CURLOPT_XOAUTH2_BEARER, token));
    handle_set(cc,
               curl_easy_setopt(h->easy, CURLOPT_LOGIN_OPTIONS, "AUTH=OAUTHBEARER;AUTH=XOAUTH2"));
    return true;
}

static bool handle_set_login(struct handle *h, CURLcode *cc, const struct connection_room *room,
                             const struct claim_account *account, struct connection_failure *ret)
{
    char *password = NULL;

    if (!account->user || !account->user[0])
        return true;
    if (h->tls == HANDLE_TLS_NONE && room->config->require_tls_for_auth &&
        !loopback_is_host(account->host))
        return handle_fail(ret, PHASE_AUTH, MISHAP_PLAIN_AUTH,
                           "GMP_REQUIRE_TLS_FOR_AUTH forbids a password without TLS");
    if (account->password_sealed &&
        !handle_open_secret(room, account, "password", account->password_key_id,
                            account->password_sealed, account->password_octets, PHASE_AUTH,
                            &password, ret))
        return false;
    h->login = true;
    handle_set(cc, curl_easy_setopt(h->easy, CURLOPT_USERNAME, account->user));
    handle_set(cc, curl_easy_setopt(h->easy, CURLOPT_PASSWORD, password ? password : ""));
    secret_wipe_free(password);
    /* Left to itself curl prefers GSSAPI, NTLM and DIGEST-MD5, which fail without a realm or a
     * ticket. */
    handle_set(cc, curl_easy_setopt(h->easy, CURLOPT_LOGIN_OPTIONS,
                                    "AUTH=PLAIN;AUTH=LOGIN;AUTH=CRAM-MD5"));
    return true;
}

enum err handle_new(struct handle *ret, const struct connection_room *room,
                    const struct claim_account *account, const char *token,
                    struct connection_failure *ret_failure, struct error *err)
{
    struct handle *h = ret;
    CURLcode cc = CURLE_OK;

    h->easy = curl_easy_init();
    h->share = curl_share_init();
    if (!h->easy || !h->share)
        return error_set(err, ERR_NOMEM, "out of memory for a connection");
    if (account->use_tls)
        h->tls = account->port == 465 ? HANDLE_TLS_IMPLICIT : HANDLE_TLS_STARTTLS;
    /* In a cache of its own: curl looks for the connection at every send, through all that share
       its cache, and closes what it finds idle there for two minutes. */
    if (curl_share_setopt(h->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT))
        cc = CURLE_OUT_OF_MEMORY;
    handle_set(&cc, curl_easy_setopt(h->easy, CURLOPT_SHARE, h->share));
    handle_set(&cc, curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->error_text));
    handle_set(&cc, curl_easy_setopt(h->easy, CURLOPT_CONNECT_ONLY, 1L));
    handle_set(&cc, curl_easy_setopt(h->easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps"));
    handle_set(&cc,
               curl_easy_setopt(h->easy, CURLOPT_PROXY, "")); /* whatever the environment says */
    handle_set(&cc, curl_easy_setopt(h->easy, CURLOPT_TCP_KEEPALIVE, 1L));
    handle_set(&cc, curl_easy_setopt(h->easy, CURLOPT_BUFFERSIZE, (long)HANDLE_BUFFER_OCTETS));
    handle_set_tls(h, &cc, room->config, account);
    if (cc == CURLE_OK && handle_set_address(h, &cc, room, account, ret_failure) &&
        handle_set_client_certificate(h, &cc, room, account, ret_failure)) {
        if (token)
            handle_set_token(h, &cc, account, token, ret_failure);
        else
            handle_set_login(h, &cc, room, account, ret_failure);
    }
    if (cc)
        return error_set(err, ERR_NOMEM, "out of memory for a connection");
    return ERR_OK;
}

void handle_forget_secrets(struct handle *h)
{
    curl_easy_setopt(h->easy, CURLOPT_SSLKEY_BLOB, NULL);
    secret_wipe_free(h->client_key);
    h->client_key = NULL;
    if (h->token)
        curl_easy_setopt(h->easy, CURLOPT_XOAUTH2_BEARER, NULL);
    else if (h->login)
        curl_easy_setopt(h->easy, CURLOPT_PASSWORD, NULL);
}

void handle_clear(struct handle *h)
{
    curl_easy_cleanup(h->easy);
    curl_share_cleanup(h->share); /* after the handle that uses it */
    curl_url_cleanup(h->url);
    secret_wipe_free(h->client_key); /* after the handle that borrows it */
    *h = (struct handle){0};
}
