/*
 * attachment_list.h - all attachments of one message.
 */
#ifndef WORKER_COMPOSE_ATTACHMENT_LIST_H
#define WORKER_COMPOSE_ATTACHMENT_LIST_H

#include <stdint.h>

#include "worker/compose/attachment.h"
#include "worker/compose/stored.h"

struct attachment_list {
    struct attachment *items; /* owned */
    size_t count;
};

void attachment_list_clear(struct attachment_list *list);

/*
 * Read the client's array (NULL: none), and take over the octets of those that are stored. What was
 * read is in *ret also on failure, the last one being at fault; none: there are too many.
 */
enum err attachment_list_read(const cJSON *array, struct stored_list *stored,
                              struct attachment_list *ret, struct error *err) MUST_CHECK;
/* ERR_LIMIT: together they are larger. */
enum err attachment_list_check_total(const struct attachment_list *list, int64_t max_octets,
                                     struct error *err) MUST_CHECK;
/* ERR_LIMIT: the tenant's large_file_config (JSON; NULL: none) rejects one. */
enum err attachment_list_check_large(const struct attachment_list *list, const char *config,
                                     struct error *err) MUST_CHECK;

#endif
