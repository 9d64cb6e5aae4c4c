/*
 * session.c - carry one transaction after another over a connection. See session.h.
 *
 * `tell` is called as the last thing a callback of the loop does, for it may close the session or
 * give it the next mail.
 */
#include "worker/send/session.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "worker/send/transaction.h"

enum {
    SESSION_READ_OCTETS = 2048,
    SESSION_IN_CAP_OCTETS = REPLY_LINE_OCTETS_MAX * REPLY_LINES_MAX,
    SESSION_KEEP_OCTETS = 4096, /* of the buffer for sending, while idle */
};

enum session_state {
    SESSION_CONNECTING,
    SESSION_IDLE,
    SESSION_BUSY, /* a transaction is under way */
    SESSION_CLOSED,
    SESSION_STATES,
};

/* The one table of legal steps: [from][to]. */
static const bool session_may_follow[SESSION_STATES][SESSION_STATES] = {
    [SESSION_CONNECTING] = {[SESSION_IDLE] = true, [SESSION_CLOSED] = true},
    [SESSION_IDLE] = {[SESSION_BUSY] = true, [SESSION_CLOSED] = true},
    [SESSION_BUSY] = {[SESSION_IDLE] = true, [SESSION_CLOSED] = true},
};

struct session {
    const struct session_room *room; /* borrowed */
    struct connection *connection;   /* owned */
    session_news_fn *tell;
    void *arg;
    enum session_state state;
    int fd; /* -1: not watched */
    struct event_timer timer;
    int32_t timeout_s; /* see connection_timeout_s() */
    int64_t began_ms;  /* connecting, then the mail */
    uint32_t mails;    /* that ended on this connection */
    bool was_open;
    bool proven;   /* the relay has taken a recipient here: it serves the account */
    bool has_news; /* `news` is to be told */
    enum session_news news;

    const struct mail *mail;       /* borrowed; NULL: none */
    struct transcript *transcript; /* borrowed */
    struct transaction transaction;
    struct buf in;
    struct buf out;
    size_t out_sent; /* of `out`, which is filled again only once it is all sent: TLS insists on the
                        same octets */
};

static void session_on_ready(void *arg, int fd, unsigned ready);
static void session_on_timer(void *arg);

static void session_enter(struct session *s, enum session_state next)
{
    struct event_loop *loop = s->room->connection.loop;

    assert(session_may_follow[s->state][next]);
    s->state = next;
    if (next == SESSION_CLOSED && s->fd >= 0) {
        event_unwatch(loop, s->fd);
        s->fd = -1;
    }
    if (next != SESSION_BUSY)
        event_timer_stop(loop, &s->timer);
    if (next == SESSION_IDLE && s->out.size > SESSION_KEEP_OCTETS)
        buf_clear(&s->out);
}

/* Wait anew for what the transaction waits for. */
static void session_arm(struct session *s)
{
    int32_t seconds = s->timeout_s > 0 ? s->timeout_s : transaction_timeout_s(&s->transaction);

    event_timer_start(s->room->connection.loop, &s->timer, (int64_t)seconds * 1000,
                      session_on_timer, s);
}

/* Every callback of the loop ends with this. */
static void session_deliver(struct session *s)
{
    if (!s->has_news)
        return;
    s->has_news = false;
    if (s->state != SESSION_BUSY) /* it may have been started for the news alone */
        event_timer_stop(s->room->connection.loop, &s->timer);
    s->tell(s->arg, s->news);
}

/* ---- how a mail, or the session, ends ---- */

static void session_end_mail(struct session *s, enum session_state next, enum session_news news)
{
    s->mail = NULL;
    s->transcript = NULL;
    s->news = news;
    s->has_news = true;
    session_enter(s, next);
}

static void session_settle(struct session *s, enum session_state next)
{
    s->transcript->send_ms = clock_mono_ms() - s->began_ms;
    s->proven = s->transcript->proven;
    s->mails++;
    /* A relay that goes on talking, or did not listen to the end, has lost the thread or is about
     * to hang up. */
    if (s->in.len || s->out_sent < s->out.len)
        next = SESSION_CLOSED;
    session_end_mail(s, next, SESSION_SETTLED);
}

static void session_lose(struct session *s)
{
    session_enter(s, SESSION_CLOSED);
    if (!s->has_news) {
        s->news = SESSION_LOST;
        s->has_news = true;
    }
}

/*
 * The connection ends in the middle of a transaction. One that had served before and was dead when
 * the mail came was merely old, which tells nothing about the mail: it is not settled.
 */
static void session_break(struct session *s, enum mishap mishap, const struct reply *reply)
{
    enum transaction_state at = s->transaction.state;
    bool at_first_reply = at == TRANSACTION_RSET || at == TRANSACTION_MAIL;

    if (s->mails > 0 && at < TRANSACTION_CONTENT && (at_first_reply || mishap == MISHAP_CUT)) {
        transcript_reset(s->transcript);
        session_end_mail(s, SESSION_CLOSED, SESSION_STALE);
        return;
    }
    transaction_break(&s->transaction, mishap, reply);
    session_settle(s, SESSION_CLOSED);
}

static void session_break_text(struct session *s, enum mishap mishap, const char *what)
{
    struct reply reply;
    char text[128];

    snprintf(text, sizeof(text), "%s %s", what, transaction_waits_for(&s->transaction));
    reply_describe(&reply, text);
    session_break(s, mishap, &reply);
}

static void session_cut(struct session *s)
{
    if (s->state == SESSION_IDLE)
        session_lose(s);
    else
        session_break_text(s, MISHAP_CUT, "connection lost while waiting for");
}

/* ---- reading ---- */

static void session_take_reply(struct session *s, const struct reply *reply)
{
    if (transaction_is_farewell(&s->transaction, reply)) {
        session_break(s, reply->code < 400 ? MISHAP_GARBAGE : MISHAP_NONE, reply);
        return;
    }
    transaction_take_reply(&s->transaction, reply);
    if (s->transaction.state == TRANSACTION_DONE)
        session_settle(s, SESSION_IDLE);
    else
        session_arm(s);
}

static void session_take_replies(struct session *s)
{
    while (s->state == SESSION_BUSY && s->in.len) {
        struct reply reply;
        struct error err;
        size_t used = 0;

        if (reply_parse(s->in.data, s->in.len, &reply, &used, &err)) {
            reply_describe(&reply, err.text);
            session_break(s, MISHAP_GARBAGE, &reply);
            return;
        }
        if (used == 0)
            return;
        buf_consume(&s->in, used);
        session_take_reply(s, &reply);
    }
}

/* Read all that has arrived: TLS may hold octets that the descriptor does not show, so it ends with
 * AGAIN. */
static void session_read(struct session *s)
{
    while (s->state == SESSION_BUSY || s->state == SESSION_IDLE) {
        char *at = buf_reserve(&s->in, SESSION_READ_OCTETS);
        size_t got = 0;
        enum connection_io io = CONNECTION_IO_CUT;

        if (at)
            io = connection_recv(s->connection, at, SESSION_READ_OCTETS, &got);
        if (io == CONNECTION_IO_AGAIN)
            return;
        if (io == CONNECTION_IO_CUT) {
            session_cut(s);
            return;
        }
        buf_filled(&s->in, got);
        if (s->state == SESSION_IDLE) { /* nothing was asked: a farewell */
            session_lose(s);
            return;
        }
        /* An unfinished line cannot finish a reply; a relay that sends octet by octet costs no more
         * than one that does not. */
        if (memchr(at, '\n', got) || s->in.len >= REPLY_LINE_OCTETS_MAX)
            session_take_replies(s);
        if (got < SESSION_READ_OCTETS && !connection_is_tls(s->connection))
            return;
    }
}

/* ---- writing ---- */

static bool session_watch(struct session *s, unsigned interest)
{
    return event_watch(s->room->connection.loop, s->fd, interest, session_on_ready, s, NULL) ==
           ERR_OK;
}

/* Fill the empty buffer with what may be said now. False: nothing. */
static bool session_fill(struct session *s)
{
    buf_truncate(&s->out, 0);
    s->out_sent = 0;
    if (s->state == SESSION_BUSY)
        transaction_write(&s->transaction, &s->out);
    return s->out.len > 0 || s->out.failed;
}

/* May the octets that wait be sent? Asked at every try, for a message may wait for long before its
 * dot goes out. */
static bool session_may_send(struct session *s)
{
    struct reply reply;

    if (s->out.failed) {
        reply_describe(&reply, "out of memory");
        session_break(s, MISHAP_CUT, &reply);
        return false;
    }
    if (transaction_holds_dot(&s->transaction) && !s->room->may_finish(s->room->may_finish_arg)) {
        reply_describe(&reply, "lease lost");
        session_break(s, MISHAP_LEASE_LOST, &reply);
        return false;
    }
    return true;
}

/* Send until there is nothing to say, or the relay takes no more for now. */
static void session_write(struct session *s)
{
    unsigned interest = EVENT_READ;

    while (s->state == SESSION_BUSY && (s->out_sent < s->out.len || session_fill(s))) {
        size_t sent = 0;
        enum connection_io io;

        if (!session_may_send(s))
            return;
        io = connection_send(s->connection, s->out.data + s->out_sent, s->out.len - s->out_sent,
                             &sent);
        if (io == CONNECTION_IO_AGAIN) {
            interest |= EVENT_WRITE;
            break;
        }
        if (io == CONNECTION_IO_CUT) {
            session_read(s); /* the relay may have said why before it hung up */
            if (s->state == SESSION_BUSY)
                session_cut(s);
            return;
        }
        s->out_sent += sent;
        if (s->transaction.state == TRANSACTION_CONTENT)
            session_arm(s);
        if (s->out_sent == s->out.len)
            transaction_note_sent(&s->transaction);
    }
    if (s->state != SESSION_CLOSED && !session_watch(s, interest))
        session_cut(s);
}

/* ---- the loop's callbacks ---- */

static void session_on_ready(void *arg, int fd, unsigned ready)
{
    struct session *s = arg;

    (void)fd;
    (void)ready;
    session_read(s);
    if (s->state == SESSION_BUSY)
        session_write(s);
    session_deliver(s);
}

static void session_on_timer(void *arg)
{
    struct session *s = arg;

    if (!s->has_news) /* else it was settled inside session_send() and is told now */
        session_break_text(s, MISHAP_TIMEOUT, "timeout waiting for");
    session_deliver(s);
}

static void session_begin(struct session *s)
{
    bool rset = s->mails > 0 && s->transaction.dirty;

    s->began_ms = clock_mono_ms();
    s->transcript->proven = s->proven;
    session_enter(s, SESSION_BUSY);
    transaction_begin(&s->transaction, s->mail, s->transcript, connection_ehlo(s->connection),
                      rset);
    if (s->transaction.state == TRANSACTION_DONE) {
        session_settle(s, SESSION_IDLE);
        return;
    }
    session_arm(s);
    session_write(s);
}

static void session_on_open(void *arg, const struct connection_failure *failure)
{
    struct session *s = arg;
    struct connection_failure unwatched = {.phase = PHASE_CONNECT, .mishap = MISHAP_REFUSED};

    s->transcript->connect_ms = clock_mono_ms() - s->began_ms;
    if (!failure) {
        s->fd = connection_fd(s->connection);
        if (!session_watch(s, EVENT_READ)) {
            reply_describe(&unwatched.reply, "the connection cannot be watched");
            failure = &unwatched;
        }
    }
    if (failure) {
        transcript_settle_rest(s->transcript, failure->phase, failure->mishap, &failure->reply);
        transcript_conclude(s->transcript);
        session_end_mail(s, SESSION_CLOSED, SESSION_SETTLED);
    } else {
        s->was_open = true;
        session_enter(s, SESSION_IDLE);
        session_begin(s);
        if (!s->has_news) {
            s->news = SESSION_OPENED;
            s->has_news = true;
        }
    }
    session_deliver(s);
}

/* ---- for the pool ---- */

enum err session_open(const struct session_room *room, const struct claim_account *account,
                      const struct mail *mail, struct transcript *transcript, session_news_fn *tell,
                      void *arg, struct session **ret, struct error *err)
{
    struct session *s = calloc(1, sizeof(*s));
    enum err rc;

    if (!s)
        return error_set(err, ERR_NOMEM, "out of memory for a session");
    s->room = room;
    s->tell = tell;
    s->arg = arg;
    s->fd = -1;
    s->timeout_s = connection_timeout_s(&room->connection, account);
    s->mail = mail;
    s->transcript = transcript;
    s->in = (struct buf)BUF_INIT(SESSION_IN_CAP_OCTETS);
    s->out = (struct buf)BUF_INIT(TRANSACTION_OUT_CAP_OCTETS);
    s->began_ms = clock_mono_ms();
    rc = connection_open(&room->connection, account, session_on_open, s, &s->connection, err);
    if (rc) {
        free(s);
        return rc;
    }
    *ret = s;
    return ERR_OK;
}

void session_send(struct session *s, const struct mail *mail, struct transcript *transcript)
{
    assert(s->state == SESSION_IDLE && !s->has_news);
    s->mail = mail;
    s->transcript = transcript;
    session_begin(s);
    if (s->has_news)
        event_timer_start(s->room->connection.loop, &s->timer, 0, session_on_timer, s);
}

bool session_is_idle(const struct session *s)
{
    return s->state == SESSION_IDLE;
}

bool session_was_open(const struct session *s)
{
    return s->was_open;
}

bool session_is_quiet(struct session *s)
{
    if (s->state == SESSION_IDLE)
        session_read(s);
    if (s->state == SESSION_IDLE)
        return true;
    s->has_news = false; /* the caller knows now */
    return false;
}

void session_close(struct session *s)
{
    size_t sent;

    if (!s)
        return;
    if (s->state == SESSION_IDLE)
        (void)connection_send(s->connection, "QUIT\r\n", strlen("QUIT\r\n"), &sent);
    if (s->state != SESSION_CLOSED)
        session_enter(s, SESSION_CLOSED);
    event_timer_stop(s->room->connection.loop, &s->timer);
    connection_close(s->connection);
    buf_clear(&s->in);
    buf_clear(&s->out);
    free(s);
}
