/*
 * http_client.c - one libcurl handle for each request. See http_client.h.
 */
#include "worker/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "worker/http_guard.h"
#include "worker/http_url.h"

enum { HTTP_REDIRECTS_MAX = 5 };

struct http_client {
    struct transfers *transfers; /* borrowed */
    const char *ca_file;         /* borrowed; NULL: the system's store */
    struct http_guard *guard;
    struct http_call *calls; /* under way */
};

struct http_call {
    struct http_client *client;
    struct http_call *prev, *next;
    CURL *easy;
    struct curl_slist *headers;
    char *url;  /* owned; where the request goes now */
    char *host; /* owned; for messages and the guard */
    struct buf body;
    http_done_fn *done;
    void *arg;
    int64_t deadline_ms;
    int redirects;
    bool guarded;
    bool refused; /* the guard refused an address ... */
    bool tried;   /* ... and let none through */
    char error_text[CURL_ERROR_SIZE];
};

enum err http_client_new(struct transfers *transfers, const struct config *config,
                         struct http_client **ret, struct error *err)
{
    struct http_client *client = calloc(1, sizeof(*client));

    if (!client)
        return error_set(err, ERR_NOMEM, "out of memory for the HTTP client");
    enum err rc = http_guard_new(config->allow_private_hosts, &client->guard, err);
    if (rc) {
        free(client);
        return rc;
    }
    client->transfers = transfers;
    client->ca_file = config->ca_file;
    *ret = client;
    return ERR_OK;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    while (client->calls)
        http_call_cancel(client->calls);
    http_guard_free(client->guard);
    free(client);
}

static void http_call_link(struct http_call *call)
{
    call->next = call->client->calls;
    if (call->next)
        call->next->prev = call;
    call->client->calls = call;
}

static void http_call_unlink(struct http_call *call)
{
    if (call->next)
        call->next->prev = call->prev;
    if (call->prev)
        call->prev->next = call->next;
    else
        call->client->calls = call->next;
}

static void http_call_free(struct http_call *call)
{
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    free(call->url);
    free(call->host);
    buf_wipe(&call->body); /* an access token, or nothing secret */
    free(call);
}

void http_call_cancel(struct http_call *call)
{
    http_call_unlink(call);
    transfer_remove(call->client->transfers, call->easy);
    http_call_free(call);
}

static size_t http_call_write(char *octets, size_t size, size_t n, void *arg)
{
    struct http_call *call = arg;

    buf_append(&call->body, octets, size * n);
    return call->body.failed ? 0 : size * n; /* fewer than given ends the transfer */
}

/* Runs for each address that is about to be connected to, after name resolution. */
static curl_socket_t http_call_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_call *call = arg;

    (void)purpose;
    if (call->guarded && !http_guard_allows_address(call->client->guard, &address->addr)) {
        call->refused = true;
        return CURL_SOCKET_BAD;
    }
    call->tried = true;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static const char *http_call_why(const struct http_call *call, CURLcode result)
{
    return call->error_text[0] ? call->error_text : curl_easy_strerror(result);
}

/* The answer, or why there is none. */
static void http_call_read_answer(struct http_call *call, CURLcode result, struct http_answer *ret)
{
    curl_off_t retry_after = 0;

    *ret = (struct http_answer){.retry_after_s = -1};
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &ret->status);
    curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER,
                      &retry_after); /* seconds or a date; 0: none */
    if (retry_after > 0)
        ret->retry_after_s = retry_after;
    if (result == CURLE_OK) {
        ret->body = call->body.data;
        ret->body_octets = call->body.len;
    } else if (call->body.failed == ERR_NOMEM || result == CURLE_OUT_OF_MEMORY) {
        ret->rc = error_set(&ret->err, ERR_NOMEM, "out of memory for the answer of %s", call->host);
    } else if (call->body.failed || result == CURLE_FILESIZE_EXCEEDED) {
        ret->rc = error_set(&ret->err, ERR_LIMIT, "the answer of %s is larger than %zu octets",
                            call->host, call->body.cap);
    } else if (call->refused && !call->tried) {
        ret->refused_address = true;
        ret->rc =
            error_set(&ret->err, ERR_INPUT,
                      "%s has a private or special address, which is not allowed", call->host);
    } else if (result == CURLE_OPERATION_TIMEDOUT) {
        ret->timed_out = true;
        ret->rc = error_set(&ret->err, ERR_NET, "%s timed out", call->host);
    } else {
        ret->rc = error_set(&ret->err, ERR_NET, "%s: %s", call->host, http_call_why(call, result));
    }
}

static void http_call_ended(void *arg, CURL *easy, CURLcode result);

static enum err http_call_go(struct http_call *call, struct error *err)
{
    int64_t left_ms = call->deadline_ms - clock_mono_ms();

    if (left_ms < 1)
        left_ms = 1; /* 0 would mean no limit */
    curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, (long)left_ms);
    if (curl_easy_setopt(call->easy, CURLOPT_URL, call->url))
        return error_set(err, ERR_NOMEM, "out of memory for a request to %s", call->host);
    return transfer_start(call->client->transfers, call->easy, http_call_ended, call, err);
}

/* Start again at the place the answer names: true when the call goes on. */
static bool http_call_redirect(struct http_call *call)
{
    long status = 0;
    char *target = NULL;

    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if ((status != 307 && status != 308) || call->redirects == HTTP_REDIRECTS_MAX)
        return false;
    curl_easy_getinfo(call->easy, CURLINFO_REDIRECT_URL, &target);
    if (!target || !http_url_same_origin(target, call->url))
        return false;
    char *url = strdup(target);
    if (!url)
        return false;
    transfer_remove(call->client->transfers, call->easy);
    free(call->url);
    call->url = url;
    call->redirects++;
    buf_truncate(&call->body, 0);
    return http_call_go(call, NULL) == ERR_OK;
}

static void http_call_ended(void *arg, CURL *easy, CURLcode result)
{
    struct http_call *call = arg;
    struct http_answer answer;

    (void)easy;
    if (result == CURLE_OK && http_call_redirect(call))
        return;
    http_call_read_answer(call, result, &answer);
    http_call_unlink(call);
    transfer_remove(call->client->transfers, call->easy);
    call->done(call->arg, &answer);
    http_call_free(call);
}

static bool http_call_add_header(struct http_call *call, const char *line)
{
    struct curl_slist *longer = curl_slist_append(call->headers, line);

    if (longer)
        call->headers = longer;
    return longer;
}

static bool http_call_add_content_type(struct http_call *call, const char *type)
{
    char line[128];

    snprintf(line, sizeof(line), "Content-Type: %s", type ? type : "application/json");
    return http_call_add_header(call, line);
}

static bool http_call_set_headers(struct http_call *call, const struct http_request *request)
{
    bool ok = http_call_add_header(call, "Expect:"); /* no waiting for 100-continue */

    if (request->body)
        ok = ok && http_call_add_content_type(call, request->content_type);
    for (size_t i = 0; request->headers && request->headers[i]; i++)
        ok = ok && http_call_add_header(call, request->headers[i]);
    return ok && !curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

static bool http_call_set_auth(struct http_call *call, const struct http_auth *auth)
{
    CURL *easy = call->easy;

    if (auth->method == HTTP_AUTH_BASIC)
        return !curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC) &&
               !curl_easy_setopt(easy, CURLOPT_USERNAME, auth->user ? auth->user : "") &&
               !curl_easy_setopt(easy, CURLOPT_PASSWORD, auth->password ? auth->password : "");
    if (auth->method == HTTP_AUTH_BEARER)
        return !curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER) &&
               !curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, auth->token ? auth->token : "");
    return true;
}

static bool http_call_set_body(struct http_call *call, const struct http_request *request)
{
    return !request->body || (!curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                                (curl_off_t)request->body_octets) &&
                              !curl_easy_setopt(call->easy, CURLOPT_COPYPOSTFIELDS, request->body));
}

/*
 * A guarded call never takes over a pooled connection: it may have been made for a trusted URL,
 * which the guard does not look at. Nor does it leave one, which nobody would take. Proxies of the
 * environment are not used, because behind one the guard would see the proxy's address.
 */
static bool http_call_set_transport(struct http_call *call, const struct http_request *request)
{
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
        {CURLOPT_FRESH_CONNECT, call->guarded},
        {CURLOPT_FORBID_REUSE, call->guarded},
        {CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms},
    };
    const char *ca_file = call->client->ca_file;
    CURL *easy = call->easy;
    bool ok = true;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        ok = ok && !curl_easy_setopt(easy, numbers[i].option, numbers[i].value);
    return ok && !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
           !curl_easy_setopt(easy, CURLOPT_PROXY, "") &&
           !curl_easy_setopt(easy, CURLOPT_USERAGENT, "mailproxy") &&
           (!ca_file || !curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file)) &&
           !curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, http_call_open) &&
           !curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call) &&
           !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_call_write) &&
           !curl_easy_setopt(easy, CURLOPT_WRITEDATA, call) &&
           !curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error_text) &&
           !curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->max_octets);
}

/* A line end in a credential or a header would begin a header of somebody else's choosing. */
static bool http_request_is_clean(const struct http_request *request)
{
    const char *const texts[] = {request->auth.user, request->auth.password, request->auth.token};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i] && strpbrk(texts[i], "\r\n"))
            return false;
    for (size_t i = 0; request->headers && request->headers[i]; i++)
        if (strpbrk(request->headers[i], "\r\n"))
            return false;
    return true;
}

enum err http_client_start(struct http_client *client, const struct http_request *request,
                           http_done_fn *done, void *arg, struct http_call **ret, struct error *err)
{
    struct http_call *call = NULL;
    enum err rc = ERR_OK;

    if (!http_request_is_clean(request))
        return error_set(err, ERR_INPUT, "a header or credential contains CR or LF");
    call = calloc(1, sizeof(*call));
    if (!call)
        return error_set(err, ERR_NOMEM, "out of memory for an HTTP request");
    call->client = client;
    call->done = done;
    call->arg = arg;
    call->body.cap = request->max_octets;
    call->deadline_ms = clock_mono_ms() + request->timeout_ms;
    rc = http_url_read(request->url, &call->url, &call->host, err);
    if (rc)
        goto out;
    call->guarded = !request->allow_private && !http_guard_allows_host(client->guard, call->host);
    call->easy = curl_easy_init();
    if (!call->easy || !http_call_set_transport(call, request) ||
        !http_call_set_headers(call, request) || !http_call_set_auth(call, &request->auth) ||
        !http_call_set_body(call, request)) {
        rc = error_set(err, ERR_NOMEM, "out of memory for a request to %s", call->host);
        goto out;
    }
    rc = http_call_go(call, err);
    if (rc)
        goto out;
    http_call_link(call);
    if (ret)
        *ret = call;
    call = NULL;
out:
    if (call)
        http_call_free(call);
    return rc;
}
