/*
 * notifier.h - tell the workers that there is work: NOTIFY mailproxy_wake.
 *
 * A hint, never the truth: workers poll as well. A NOTIFY inside a transaction takes a lock of the
 * whole cluster until the commit is on disk, so it has a connection and a thread of its own, and
 * many pokes become one NOTIFY.
 */
#ifndef SERVER_NOTIFIER_H
#define SERVER_NOTIFIER_H

#include "common/db.h"

struct notifier;

enum err notifier_new(struct db_target target, struct notifier **ret, struct error *err) MUST_CHECK;
void notifier_free(struct notifier *notifier); /* ends its thread; NULL is fine */
/* Never blocks. The first poke is passed on at once, later ones at most every 50 ms. Call it after
 * the commit. */
void notifier_poke(struct notifier *notifier);

#endif
