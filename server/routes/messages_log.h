/*
 * messages_log.h - what the command log keeps of requests that may concern several tenants.
 *
 * Each tenant has a row of its own, which shows nothing of the others' messages.
 */
#ifndef SERVER_ROUTES_MESSAGES_LOG_H
#define SERVER_ROUTES_MESSAGES_LOG_H

#include "server/command_log.h"
#include "server/intake/draft.h"

/*
 * The rows of an add-messages request: the messages by the tenant they were meant for. One that
 * names a tenant which the token may not use counts for the token's own; one that says nothing of
 * its tenant, for `query_tenant` (NULL: not given), else `default`. Appends to *rows.
 */
enum err messages_log_drafts(const struct request *req, const struct draft_batch *batch,
                             const char *query_tenant, struct command_rows *rows,
                             struct error *err) MUST_CHECK;
/*
 * The rows of a delete-messages request, from what delete_messages gives: tenant_id and message_id
 * in columns 0 and 1, sorted by tenant. Where there are none, one row of `tenant_id`.
 */
enum err messages_log_ids(const PGresult *res, const char *tenant_id, struct command_rows *rows,
                          struct error *err) MUST_CHECK;

#endif
