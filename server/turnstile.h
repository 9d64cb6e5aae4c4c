/*
 * turnstile.h - so many at once; the others wait.
 *
 * What people look at may take the database long. It goes through one of these (request.h), so that
 * it leaves connections to those who bring mail, however many look.
 */
#ifndef SERVER_TURNSTILE_H
#define SERVER_TURNSTILE_H

#include <stdint.h>

#include "common/error.h"

struct turnstile;

enum err turnstile_new(uint32_t places, struct turnstile **ret, struct error *err) MUST_CHECK;
void turnstile_free(struct turnstile *turnstile); /* nobody may be in it */
/* ERR_LIMIT: no place became free within wait_ms. */
enum err turnstile_enter(struct turnstile *turnstile, int64_t wait_ms,
                         struct error *err) MUST_CHECK;
void turnstile_leave(struct turnstile *turnstile);

#endif
