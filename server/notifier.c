/*
 * notifier.c - one thread, one connection, coalesced NOTIFYs. See notifier.h.
 */
#include "server/notifier.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

enum { NOTIFIER_PAUSE_MS = 50 };

struct notifier {
    char *conninfo; /* owned */
    bool pooled;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the two flags */
    pthread_cond_t changed;
    bool poked;
    bool stopping;
    struct db_conn *conn; /* the thread's own */
};

static void notifier_send(struct notifier *n)
{
    struct error err;
    enum err rc = ERR_OK;

    if (!n->conn)
        rc = db_open((struct db_target){n->conninfo, n->pooled}, "mailproxy-server notify",
                     &n->conn, &err);
    if (!rc)
        rc = db_exec(n->conn, "NOTIFY mailproxy_wake", &err);
    if (!rc)
        return;
    log_error(LOG_DEBUG, "intake", "notify_dropped",
              &err); /* the workers' own poll finds the work */
    db_close(n->conn);
    n->conn = NULL;
}

/* Wait, locked, so that the next NOTIFY is at least a pause away; a stop ends the wait. */
static void notifier_pause(struct notifier *n)
{
    struct timespec until = clock_deadline(NOTIFIER_PAUSE_MS);

    while (!n->stopping)
        if (pthread_cond_timedwait(&n->changed, &n->lock, &until))
            return;
}

static void *notifier_run(void *arg)
{
    struct notifier *n = arg;

    pthread_mutex_lock(&n->lock);
    for (;;) {
        while (!n->poked && !n->stopping)
            pthread_cond_wait(&n->changed, &n->lock);
        if (!n->poked)
            break; /* stopping, and nothing left to tell */
        n->poked = false;
        pthread_mutex_unlock(&n->lock);
        notifier_send(n);
        pthread_mutex_lock(&n->lock);
        notifier_pause(n);
    }
    pthread_mutex_unlock(&n->lock);
    return NULL;
}

enum err notifier_new(struct db_target target, struct notifier **ret, struct error *err)
{
    struct notifier *n = calloc(1, sizeof(*n));
    pthread_condattr_t attr;

    if (!n || !(n->conninfo = strdup(target.conninfo ? target.conninfo : ""))) {
        free(n);
        return error_set(err, ERR_NOMEM, "out of memory for the notifier");
    }
    n->pooled = target.pooled;
    pthread_mutex_init(&n->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&n->changed, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&n->thread, NULL, notifier_run, n)) {
        free(n->conninfo);
        free(n);
        return error_set(err, ERR_NOMEM, "cannot start the notifier's thread");
    }
    *ret = n;
    return ERR_OK;
}

void notifier_free(struct notifier *n)
{
    if (!n)
        return;
    pthread_mutex_lock(&n->lock);
    n->stopping = true;
    pthread_cond_signal(&n->changed);
    pthread_mutex_unlock(&n->lock);
    pthread_join(n->thread, NULL);
    db_close(n->conn);
    pthread_cond_destroy(&n->changed);
    pthread_mutex_destroy(&n->lock);
    explicit_bzero(n->conninfo, strlen(n->conninfo)); /* may hold a password */
    free(n->conninfo);
    free(n);
}

void notifier_poke(struct notifier *n)
{
    pthread_mutex_lock(&n->lock);
    if (!n->poked) {
        n->poked = true;
        pthread_cond_signal(&n->changed);
    }
    pthread_mutex_unlock(&n->lock);
}
