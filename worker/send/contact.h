/*
 * contact.h - how much an account gets before its relay has let us in.
 *
 * Nothing is known of a relay before its first session has opened, and a dead one may take minutes
 * to say so (RFC 5321 section 4.5.3.2 gives the greeting five). Until then the account is tried
 * over one connection, and such trials take at most half of the worker's connections: relays that
 * hang cannot have all of them. A proven account opens what it needs; when none of its connections
 * stands after CONTACT_LATE_MS, it is not proven any more: one connection goes on, the others are
 * closed, and of the messages behind it only a few are kept.
 */
#ifndef WORKER_SEND_CONTACT_H
#define WORKER_SEND_CONTACT_H

#include "worker/send/pool_parts.h"

/* How many connections there may be altogether for this lane to open one more. */
uint32_t contact_cap(const struct send_pool *pool, const struct lane *lane);
/* Has an account that is not proven to wait until other trials are over? */
bool contact_must_wait(const struct send_pool *pool, const struct lane *lane);
/* The connection is counted by its lane already, and is being opened. */
void contact_begin(struct lane_connection *c);
/* It stands. Twice is fine. */
void contact_opened(struct lane_connection *c);
/* It is not being opened any more, for whatever reason. Twice is fine. */
void contact_end(struct lane_connection *c);
/* Not a word to who claims: that knows it. */
void contact_set_proven(struct send_pool *pool, struct lane *lane, bool proven);
/* The last of its connections could not be opened. */
void contact_failed(struct send_pool *pool, struct lane *lane);

#endif
