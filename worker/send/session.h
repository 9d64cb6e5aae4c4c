/*
 * session.h - the SMTP dialogue of one connection: one mail after another (RFC
 * 5321 3.3, 4.1, 4.5.3.2).
 *
 * Commands go out in one write where the relay offers PIPELINING (RFC 2920), one at a time where
 * not. Each recipient gets its own reply. After a refusal the next mail begins with RSET. Nothing
 * here blocks, waiting for the reply to the final dot least of all. Which mail goes over which
 * session is pool.h's business.
 */
#ifndef WORKER_SEND_SESSION_H
#define WORKER_SEND_SESSION_H

#include "worker/compose/mail.h"
#include "worker/send/connection.h"
#include "worker/send/transcript.h"

/* Asked right before the final dot goes out: false ends the attempt, the claim is no longer ours.
 */
typedef bool session_may_finish_fn(void *arg);

/* What all sessions share; borrowed. */
struct session_room {
    struct connection_room connection;
    session_may_finish_fn *may_finish;
    void *may_finish_arg;
};

struct session;

enum session_news {
    SESSION_OPENED,  /* the connection stands, its mail is under way */
    SESSION_SETTLED, /* the mail's transcript is complete; the session may be idle again, or closed
                      */
    SESSION_STALE,   /* a reused connection was dead before it took any content: the mail is as
                        before; closed */
    SESSION_LOST,    /* the idle connection is closed */
};

/* Called from the loop only. The session may be closed, or given the next mail, from inside this
 * call. */
typedef void session_news_fn(void *arg, enum session_news news);

/* Open a connection for `mail`, then send it. All as in session_send(); `account` is borrowed until
 * SESSION_OPENED is told or the mail's end. */
enum err session_open(const struct session_room *room, const struct claim_account *account,
                      const struct mail *mail, struct transcript *transcript, session_news_fn *tell,
                      void *arg, struct session **ret, struct error *err) MUST_CHECK;
/* Send `mail` over an idle session. Mail and (blank) transcript are borrowed until `end`, never
 * called from inside. */
void session_send(struct session *s, const struct mail *mail, struct transcript *transcript);
bool session_is_idle(const struct session *s);
bool session_was_open(const struct session *s); /* false: connecting, or could not connect at all */
/* Has nothing happened to an idle session? false: the relay hung up or said something; close it. */
bool session_is_quiet(struct session *s);
/* At any time; an idle one says QUIT without waiting for the answer. NULL is fine. */
void session_close(struct session *s);

#endif
