/*
 * listing_key.h - where one is in a list of messages: the last row seen, and the opaque cursor
 * `next` that stands for it.
 *
 * It names a place in the order, not a row: it stays good while messages come and go.
 */
#ifndef SERVER_ROUTES_LISTING_KEY_H
#define SERVER_ROUTES_LISTING_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/db.h"
#include "server/http/object.h"

/* In the order of the list. A zeroed one is before the first row. */
struct listing_key {
    int64_t priority, created_us;
    char *message_id, *tenant_id; /* owned */
};

void listing_key_clear(struct listing_key *key);
/* Copies the texts. */
enum err listing_key_set(struct listing_key *key, int64_t priority, int64_t created_us,
                         const char *message_id, const char *tenant_id,
                         struct error *err) MUST_CHECK;
/* The four parameters of list_messages and search_messages that say where to go on. */
void listing_key_params(struct db_params *p, const struct listing_key *key);
/* The member `next`: a JSON array of the key, base64. */
void listing_key_append_cursor(struct object *o, const struct listing_key *key);
/* false: not one that listing_key_append_cursor() made. */
bool listing_key_read_cursor(const char *cursor, struct listing_key *ret);

#endif
