/*
 * lane.h - one account in the pool: the mails that wait for it, in order, and its connections.
 *
 * Plain bookkeeping for pool.c, which decides.
 */
#ifndef WORKER_SEND_LANE_H
#define WORKER_SEND_LANE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/event.h"
#include "worker/send/pool.h"
#include "worker/send/session.h"

struct lane;

/* One call of send_pool_send(). */
struct lane_mail {
    TAILQ_ENTRY(lane_mail) link;   /* in lane.waiting */
    const struct claim *claim;     /* borrowed */
    const struct mail *mail;       /* borrowed */
    struct transcript *transcript; /* owned until it is handed over */
    send_done_fn *done;
    void *arg;
    bool withdrawn; /* not to be begun again */
};
TAILQ_HEAD(lane_mails, lane_mail);

struct lane_connection {
    TAILQ_ENTRY(lane_connection) link;      /* in lane.connections */
    TAILQ_ENTRY(lane_connection) idle_link; /* in lane.idle */
    TAILQ_ENTRY(lane_connection) pool_link; /* in the pool's idle ones, longest idle first */
    struct send_pool *pool;
    struct lane *lane;
    struct session *session; /* owned */
    struct lane_mail *mail;  /* owned; NULL: idle */
    int64_t version;         /* of the account it was opened for */
    uint32_t used;           /* mails sent over it */
    bool opening;            /* it does not stand yet */
    int32_t ttl_s;
    struct event_timer idle_timer;
};
TAILQ_HEAD(lane_connections, lane_connection);

struct lane {
    TAILQ_ENTRY(lane) link;        /* in the pool's lanes */
    TAILQ_ENTRY(lane) hungry_link; /* in the pool's hungry ones, which have waiting mails */
    char *tenant_id;               /* owned */
    char *account_id;              /* owned */
    int64_t version;               /* the newest seen */
    struct lane_mails waiting;
    uint32_t waiting_count;
    struct lane_connections connections; /* all of them */
    struct lane_connections idle;        /* the ones without a mail, last used first */
    uint32_t connection_count;
    uint32_t opening_count;        /* of the connections, those that do not stand yet */
    struct event_timer late_timer; /* of contact.c; runs only while some are opening */
    bool proven;                   /* the relay has let us in, and not failed since */
    uint32_t limit;                /* connections the relay seems to allow, until limit_until_ms */
    int64_t limit_until_ms;
};
TAILQ_HEAD(lanes, lane);

/* The account's lane, made when there is none; NULL: out of memory. `tree` is a tsearch(3) root. */
struct lane *lane_find(void **tree, struct lanes *lanes, const struct claim_account *account);
/* How many of the connections it is allowed it should have now. */
uint32_t lane_connections_max(const struct lane *lane, uint32_t allowed, int64_t now_ms);
void lane_free(void **tree, struct lanes *lanes, struct lane *lane); /* must be empty */

/* By priority, then as they come, behind what has risen meanwhile; one that had its turn already
 * goes in front. `hungry` are the lanes with waiting mails. */
void lane_push_mail(struct lanes *hungry, struct lane *lane, struct lane_mail *m, bool in_front);
void lane_remove_mail(struct lanes *hungry, struct lane *lane, struct lane_mail *m);
struct lane_mail *lane_pop_mail(struct lanes *hungry,
                                struct lane *lane); /* the first; there is one */
/* The lane's last connection failed to open: what waits behind it shares the verdict, and is
 * appended to *ret. */
void lane_fail_waiting(struct lanes *hungry, struct lane *lane, const struct transcript *failed,
                       struct lane_mails *ret);

enum err lane_mail_new(const struct claim *claim, const struct mail *mail, send_done_fn *done,
                       void *arg, struct lane_mail **ret, struct error *err) MUST_CHECK;
void lane_mail_free(struct lane_mail *m);
/* It was not begun, and will not be: transcript_is_void(). */
void lane_mail_void(struct lane_mail *m);
/* Hand the transcript over, and free the mail. The last thing to do: the callee may send the next
 * mail. */
void lane_finish_mail(struct lane_mail *m);
void lane_finish_mails(struct lane_mails *mails);
/* The account's lane; NULL: none. */
struct lane *lane_look_up(void *const *tree, const char *tenant_id, const char *account_id);

#endif
