/*
 * memory.h - octets that messages on their way hold, by estimate: one count for a worker.
 *
 * What is held decides whether another message is begun (worker/flow.h). Attachments that are still
 * to be fetched have sizes nobody knows: each is expected to be as large as it may be, and that
 * decides whether another fetch is begun (compose/job.h), but keeps no message without one waiting.
 */
#ifndef WORKER_MEMORY_H
#define WORKER_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

enum { MEMORY_FETCHES = 30 }; /* a fetch's share of the memory: one of so many */

struct memory {
    int64_t max_octets;
    int64_t held_octets;
    int64_t expected_octets; /* of fetches under way */
    uint32_t mails;          /* composed, not settled yet: they will give back what they hold */
};

/* However large it is, one may always begin when nothing is under way that could make room for it.
 */
static inline bool memory_allows_message(const struct memory *m, int64_t octets)
{
    return m->held_octets == 0 || m->held_octets + octets <= m->max_octets;
}

static inline int64_t memory_fetch_octets(const struct memory *m)
{
    return m->max_octets / MEMORY_FETCHES;
}

static inline bool memory_allows_fetch(const struct memory *m)
{
    return (m->expected_octets == 0 && m->mails == 0) ||
           m->held_octets + m->expected_octets + memory_fetch_octets(m) <= m->max_octets;
}

#endif
