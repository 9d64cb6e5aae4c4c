/*
 * places.h - who may begin another fetch: places for all tenants together, some of them for one.
 */
#ifndef WORKER_COMPOSE_PLACES_H
#define WORKER_COMPOSE_PLACES_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/memory.h"

/* A store that hangs keeps its tenant's places, and no others. */
enum { PLACES_MAX = MEMORY_FETCHES, PLACES_TENANT_MAX = 10 };

/* Zero it before first use. */
struct places {
    const char *tenants[PLACES_MAX]; /* who holds it; borrowed; NULL: free */
};

bool places_has_one_for(const struct places *places, const char *tenant_id);
/* Only when there is one. `tenant_id` is borrowed until places_leave() with what this returns. */
size_t places_take(struct places *places, const char *tenant_id);
void places_leave(struct places *places, size_t place);

#endif
