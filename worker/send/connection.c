/*
 * connection.c - a connection to a relay, on libcurl's CONNECT_ONLY mode. See connection.h.
 *
 * curl speaks here, and we listen: every reply passes the header callback, which keeps the last
 * one, what EHLO offered, and how far the dialogue is. That is enough to tell whose word ended it.
 * Time is ours to keep, too: curl bounds the whole of connecting, RFC 5321 section 4.5.3.2 each
 * reply.
 */
#include "worker/send/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/log.h"
#include "worker/send/failure.h"
#include "worker/send/handle.h"

enum {
    CONNECTION_TCP_S = 30,    /* name and TCP together; no figure in RFC 5321 */
    CONNECTION_TLS_S = 60,    /* a handshake is a few round trips */
    CONNECTION_REPLY_S = 300, /* RFC 5321 section 4.5.3.2.1 for the greeting */
    CONNECTION_ALL_S = 3600,  /* curl's own bound, out of the way of the above */
    CONNECTION_REPLY_CAP_OCTETS = 64 * 1024,
};

struct connection {
    const struct connection_room *room; /* borrowed */
    struct handle handle;               /* owned */
    connection_open_fn *done;
    void *arg;
    struct event_timer timer;
    const struct claim_account *account; /* borrowed */
    int32_t timeout_s;                   /* see connection_timeout_s() */
    bool started;                        /* the handle is in the multi */
    struct keeper_wait *wait;            /* for the access token */
    int64_t token_serial;                /* of the one in use; 0: nothing renews it */
    bool renewed;                        /* the relay had refused one before */

    /* How far curl's dialogue is. */
    enum phase phase; /* what is waited for */
    bool tls;         /* the handshake was begun */
    bool greeted;
    struct reply reply;     /* the last whole one; code 0: none yet */
    enum phase reply_phase; /* what it answered */
    struct ehlo ehlo;
    struct buf in;                     /* of the next reply */
    struct connection_failure failure; /* before curl was started, or in the header callback */
};

static int64_t connection_phase_ms(const struct connection *c)
{
    int64_t seconds = CONNECTION_REPLY_S;

    if (c->timeout_s > 0)
        seconds = c->timeout_s;
    else if (c->phase == PHASE_CONNECT)
        seconds = CONNECTION_TCP_S;
    else if (c->phase == PHASE_TLS)
        seconds = CONNECTION_TLS_S;
    return seconds * 1000;
}

static void connection_on_timer(void *arg);

static void connection_enter(struct connection *c, enum phase phase)
{
    c->phase = phase;
    event_timer_start(c->room->loop, &c->timer, connection_phase_ms(c), connection_on_timer, c);
}

/* End the attempt to connect. `c` may be gone afterwards. */
static void connection_fail(struct connection *c, enum phase phase, enum mishap mishap,
                            const char *text)
{
    struct connection_failure failure = {.phase = phase, .mishap = mishap};

    if (mishap == MISHAP_NONE)
        failure.reply = c->reply;
    else
        reply_describe(&failure.reply, text);
    event_timer_stop(c->room->loop, &c->timer);
    c->done(c->arg, &failure);
}

static void connection_on_timer(void *arg)
{
    struct connection *c = arg;
    char text[128];

    if (!c->started) {
        connection_fail(c, c->failure.phase, c->failure.mishap, c->failure.reply.text);
        return;
    }
    snprintf(text, sizeof(text), "timeout waiting for %s", failure_waiting_for[c->phase]);
    connection_fail(c, c->phase, MISHAP_TIMEOUT, text);
}

/* ---- curl's callbacks while it connects ---- */

/* CURLOPT_XFERINFOFUNCTION, called at every step: are TCP and the TLS handshake through? */
static int connection_on_step(void *arg, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal,
                              curl_off_t ulnow)
{
    struct connection *c = arg;
    curl_off_t handshake_us = 0;
    long connects = 0; /* counted before an implicit handshake, unlike CURLINFO_CONNECT_TIME */

    (void)dltotal;
    (void)dlnow;
    (void)ultotal;
    (void)ulnow;
    if (c->phase == PHASE_CONNECT) {
        curl_easy_getinfo(c->handle.easy, CURLINFO_NUM_CONNECTS, &connects);
        if (connects == 0)
            return 0;
        /* So far this was the bound for all the addresses of a name; it would count on to the end
         * of AUTH. */
        curl_easy_setopt(c->handle.easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECTION_ALL_S);
        c->tls = c->handle.tls == HANDLE_TLS_IMPLICIT;
        connection_enter(c, c->tls ? PHASE_TLS : PHASE_GREETING);
    } else if (c->phase == PHASE_TLS) {
        curl_easy_getinfo(c->handle.easy, CURLINFO_APPCONNECT_TIME_T, &handshake_us);
        if (handshake_us)
            connection_enter(c, c->greeted ? PHASE_EHLO : PHASE_GREETING);
    }
    return 0;
}

/* A whole reply is in: what does curl say next? */
static void connection_follow(struct connection *c, const char *octets, size_t n)
{
    bool positive = c->reply.code / 100 == 2;

    if (c->phase == PHASE_CONNECT || c->phase == PHASE_TLS) /* seen before the step was */
        c->phase = c->greeted ? PHASE_EHLO : PHASE_GREETING;
    c->reply_phase = c->phase;
    if (c->phase == PHASE_GREETING && positive) {
        c->greeted = true;
        connection_enter(c, PHASE_EHLO);
    } else if (c->phase == PHASE_EHLO && positive) {
        ehlo_parse(octets, n, &c->ehlo);
        connection_enter(c, c->handle.tls == HANDLE_TLS_STARTTLS && !c->tls ? PHASE_STARTTLS
                                                                            : PHASE_AUTH);
    } else if (c->phase == PHASE_STARTTLS && positive) {
        c->tls = true;
        connection_enter(c, PHASE_TLS);
    } else {
        connection_enter(c, c->phase); /* HELO after a refused EHLO, or the next step of AUTH */
    }
}

/* CURLOPT_HEADERFUNCTION: the relay's octets, line by line. Another count than `n` ends the
 * transfer. */
static size_t connection_on_line(char *octets, size_t size, size_t count, void *arg)
{
    struct connection *c = arg;
    size_t n = size * count;
    size_t used = 0;
    struct error err = {.text = "a reply is too long"};

    buf_append(&c->in, octets, n);
    if (c->in.failed || reply_parse(c->in.data, c->in.len, &c->reply, &used, &err)) {
        reply_describe(&c->failure.reply, err.text);
        return n + 1;
    }
    if (used) {
        connection_follow(c, c->in.data, used);
        buf_consume(&c->in, used);
    }
    return n;
}

/* ---- beginning ---- */

static void connection_on_done(void *arg, CURL *easy, CURLcode result);

int32_t connection_timeout_s(const struct connection_room *room,
                             const struct claim_account *account)
{
    return account->timeout_s > 0 ? account->timeout_s : (int32_t)room->config->smtp_timeout;
}

void connection_set_helo(struct connection_room *room)
{
    if (room->config->helo_name) {
        snprintf(room->helo, sizeof(room->helo), "%s", room->config->helo_name);
    } else if (gethostname(room->helo, sizeof(room->helo) - 1) || !room->helo[0]) {
        snprintf(room->helo, sizeof(room->helo), "localhost");
    }
}

/* The account's owner asked for it; whoever runs the service shall see it with every connection. */
static void connection_warn(const struct claim_account *account, const char *event,
                            const char *note)
{
    struct log_line l;

    log_begin(&l, LOG_WARN, "send", event);
    log_str(&l, "tenant", account->tenant_id);
    log_str(&l, "account", account->account_id);
    log_str(&l, "host", account->host);
    log_str(&l, "note", note);
    log_end(&l);
}

/* Hand the handle to curl. ERR_NOMEM; what the account rules out is told in c->failure. */
static enum err connection_start(struct connection *c, const char *token, struct error *err)
{
    const struct connection_room *room = c->room;
    enum err rc = handle_new(&c->handle, room, c->account, token, &c->failure, err);

    if (rc || c->failure.mishap != MISHAP_NONE)
        return rc;
    curl_easy_setopt(c->handle.easy, CURLOPT_HEADERFUNCTION, connection_on_line);
    curl_easy_setopt(c->handle.easy, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(c->handle.easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c->handle.easy, CURLOPT_XFERINFOFUNCTION, connection_on_step);
    curl_easy_setopt(c->handle.easy, CURLOPT_XFERINFODATA, c);
    /* Ours are the first to fire: curl's bound for TCP, and for a reply, are only to agree with
     * them. */
    c->phase = PHASE_CONNECT;
    curl_easy_setopt(c->handle.easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connection_phase_ms(c) + 500);
    curl_easy_setopt(c->handle.easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)CONNECTION_ALL_S);
    rc = transfer_start(room->transfers, c->handle.easy, connection_on_done, c, err);
    if (rc)
        return rc;
    c->started = true;
    connection_enter(c, PHASE_CONNECT);
    if (c->handle.login && !c->handle.token && c->handle.tls == HANDLE_TLS_NONE)
        connection_warn(c->account, "plain_auth",
                        "the password goes over a connection without TLS");
    if (c->handle.tls != HANDLE_TLS_NONE && !c->account->tls_verify)
        connection_warn(c->account, "tls_not_verified",
                        "whoever answers there is taken for the relay");
    return ERR_OK;
}

/* ---- with an access token ---- */

static void connection_on_token(void *arg, const struct keeper_answer *answer)
{
    struct connection *c = arg;
    struct error err;

    c->wait = NULL;
    if (answer->end == KEEPER_CHANGED) {
        connection_fail(c, PHASE_AUTH, MISHAP_ACCOUNT_CHANGED, "the account was changed");
    } else if (answer->end == KEEPER_NONE) {
        connection_fail(c, PHASE_AUTH, MISHAP_NO_TOKEN, answer->why);
    } else {
        c->token_serial = answer->serial;
        if (connection_start(c, answer->token, &err))
            connection_fail(c, PHASE_CONNECT, MISHAP_REFUSED, err.text);
        else if (c->failure.mishap != MISHAP_NONE)
            connection_fail(c, c->failure.phase, c->failure.mishap, c->failure.reply.text);
    }
}

static enum err connection_ask_token(struct connection *c, int64_t refused, struct error *err)
{
    return keeper_ask(c->room->keeper, c->account, refused, connection_on_token, c, &c->wait, err);
}

/* XOAUTH2 tells a refusal in a 334, where curl gives up; others, and OAUTHBEARER's end, are 535. */
static bool connection_refuses_token(const struct connection *c)
{
    return c->handle.token && c->reply_phase == PHASE_AUTH &&
           (c->reply.code == 535 || c->reply.code == 334);
}

/* A token may end before its time. Try once with a new one; false: this one was new. */
static bool connection_renew(struct connection *c)
{
    if (c->renewed || !c->token_serial || connection_ask_token(c, c->token_serial, NULL))
        return false;
    event_timer_stop(c->room->loop, &c->timer);
    transfer_remove(c->room->transfers, c->handle.easy);
    handle_clear(&c->handle);
    c->started = false;
    c->renewed = true;
    c->tls = c->greeted = false;
    c->reply = (struct reply){0};
    c->ehlo = (struct ehlo){0};
    buf_clear(&c->in);
    return true;
}

/* ---- the end of connecting ---- */

static void connection_tell(struct connection *c, CURLcode result)
{
    const struct failure_facts facts = {
        .result = result,
        .curl_text = c->handle.error_text,
        .phase = c->phase,
        .after_tls = c->tls && (c->phase == PHASE_EHLO || c->phase == PHASE_GREETING),
        .token = c->handle.token,
        .certificate = c->account->tls_client_cert != NULL,
        .garbage = c->failure.reply.text,
        .reply = &c->reply,
    };
    struct connection_failure failure;

    failure_read(&facts, &failure);
    c->done(c->arg, &failure);
}

static void connection_on_done(void *arg, CURL *easy, CURLcode result)
{
    struct connection *c = arg;

    (void)easy;
    event_timer_stop(c->room->loop, &c->timer);
    /* Without AUTH in the reply to EHLO curl goes on and reports success. */
    if (result == CURLE_OK && c->handle.login && c->reply.code != 235)
        result = CURLE_LOGIN_DENIED;
    if (result == CURLE_OK) {
        buf_clear(&c->in);
        handle_forget_secrets(&c->handle);
        c->done(c->arg, NULL);
        return;
    }
    if (connection_refuses_token(c) && connection_renew(c))
        return;
    if (c->reply.code >= 400) {
        connection_fail(c, c->reply_phase, MISHAP_NONE, NULL);
        return;
    }
    connection_tell(c, result);
}

/* ---- opening and closing ---- */

enum err connection_open(const struct connection_room *room, const struct claim_account *account,
                         connection_open_fn *done, void *arg, struct connection **ret,
                         struct error *err)
{
    struct connection *c = calloc(1, sizeof(*c));
    enum err rc;

    if (!c)
        return error_set(err, ERR_NOMEM, "out of memory for a connection");
    c->room = room;
    c->account = account;
    c->done = done;
    c->arg = arg;
    c->timeout_s = connection_timeout_s(room, account);
    c->in = (struct buf)BUF_INIT(CONNECTION_REPLY_CAP_OCTETS);
    rc = account->uses_oauth ? connection_ask_token(c, 0, err) : connection_start(c, NULL, err);
    if (rc) {
        connection_close(c);
        return rc;
    }
    if (c->failure.mishap != MISHAP_NONE)
        event_timer_start(room->loop, &c->timer, 0, connection_on_timer, c);
    *ret = c;
    return ERR_OK;
}

void connection_close(struct connection *c)
{
    if (!c)
        return;
    event_timer_stop(c->room->loop, &c->timer);
    keeper_cancel(c->wait);
    if (c->started)
        transfer_remove(c->room->transfers, c->handle.easy);
    handle_clear(&c->handle);
    buf_clear(&c->in);
    free(c);
}

/* ---- a connection that stands ---- */

int connection_fd(const struct connection *c)
{
    curl_socket_t fd = CURL_SOCKET_BAD;

    curl_easy_getinfo(c->handle.easy, CURLINFO_ACTIVESOCKET, &fd);
    return fd;
}

const struct ehlo *connection_ehlo(const struct connection *c)
{
    return &c->ehlo;
}

bool connection_is_tls(const struct connection *c)
{
    return c->handle.tls != HANDLE_TLS_NONE;
}

enum connection_io connection_send(struct connection *c, const char *octets, size_t n,
                                   size_t *ret_sent)
{
    size_t sent = 0;
    CURLcode cc = curl_easy_send(c->handle.easy, octets, n, &sent);

    if (cc == CURLE_AGAIN || (cc == CURLE_OK && sent == 0))
        return CONNECTION_IO_AGAIN;
    if (cc)
        return CONNECTION_IO_CUT;
    *ret_sent = sent;
    return CONNECTION_IO_OK;
}

enum connection_io connection_recv(struct connection *c, char *octets, size_t room, size_t *ret_got)
{
    size_t got = 0;
    CURLcode cc = curl_easy_recv(c->handle.easy, octets, room, &got);

    if (cc == CURLE_AGAIN)
        return CONNECTION_IO_AGAIN;
    if (cc || got == 0)
        return CONNECTION_IO_CUT;
    *ret_got = got;
    return CONNECTION_IO_OK;
}
