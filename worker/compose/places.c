#include "worker/compose/places.h"

#include <assert.h>
#include <string.h>

bool places_has_one_for(const struct places *places, const char *tenant_id)
{
    unsigned free_ones = 0, its = 0;

    for (size_t i = 0; i < PLACES_MAX; i++) {
        free_ones += !places->tenants[i];
        its += places->tenants[i] && !strcmp(places->tenants[i], tenant_id);
    }
    return free_ones && its < PLACES_TENANT_MAX;
}

size_t places_take(struct places *places, const char *tenant_id)
{
    size_t place = 0;

    while (places->tenants[place]) {
        place++;
        assert(place < PLACES_MAX);
    }
    places->tenants[place] = tenant_id;
    return place;
}

void places_leave(struct places *places, size_t place)
{
    places->tenants[place] = NULL;
}
