/*
 * command_log.h - note what was asked, redacted, where it changes something.
 *
 * A command that was carried out is noted in its own transaction: what the log says was done, was
 * done, and the other way round. One that its handler refused with 400 is noted afterwards. What
 * never reached its handler (401, 403, 422) or failed for our own reasons (503) is not noted, nor
 * is what changes nothing (reading, run-now).
 *
 *     // transaction_fn
 *     static enum err things_write(struct db_conn *db, void *arg, struct error *err)
 *     {
 *         enum err rc = ... the command's statements ...
 *
 *         return rc ? rc : command_log_append(db, t->req, "addThing", t->tenant_id, err);
 *     }
 *     ...
 *     command_log_refusal(req, reply, "addThing", tenant_id); // at the end of the handler
 *
 * The payload is the request: its path parameters, its body, and what of its query the body does
 * not say, as redact.h shows them.
 */
#ifndef SERVER_COMMAND_LOG_H
#define SERVER_COMMAND_LOG_H

#include "common/db_array.h"
#include "server/http/request.h"

enum { COMMAND_LOG_ACTOR_OCTETS = REQUEST_ID_OCTETS_MAX + 16 };
/* Who gave a command, as the log has it: admin, tenant:ID, open. For what is noted by SQL. */
void command_log_actor(const struct request *req, char ret[COMMAND_LOG_ACTOR_OCTETS]);

/* A command that concerns several tenants has a row for each of them, with its own part only. */
struct command_rows {
    struct db_array tenant_ids; /* DB_TEXT; null: no tenant in particular */
    struct db_array payloads;   /* DB_JSON */
};

struct command_rows command_rows_empty(void);
void command_rows_clear(struct command_rows *rows);
void command_rows_reset(struct command_rows *rows); /* empty it, keep the memory */
void command_rows_add(struct command_rows *rows, const char *tenant_id, const struct buf *payload);

/* Within the command's transaction: status 200. `tenant_id` NULL: it concerns no tenant. */
enum err command_log_append(struct db_conn *db, const struct request *req, const char *endpoint,
                            const char *tenant_id, struct error *err) MUST_CHECK;
enum err command_log_append_rows(struct db_conn *db, const struct request *req,
                                 const char *endpoint, const struct command_rows *rows, int status,
                                 struct error *err) MUST_CHECK;
/* The rows of several requests to the same endpoint that one transaction carries out. */
struct command_part {
    const struct request *req;       /* borrowed: says who asked */
    const struct command_rows *rows; /* borrowed */
};
enum err command_log_append_parts(struct db_conn *db, const char *endpoint,
                                  const struct command_part *parts, size_t count, int status,
                                  struct error *err) MUST_CHECK;

/*
 * After the answer is made: when it is 400, note it. Does nothing otherwise. Should the log be out
 * of reach, the answer stays what it is.
 */
void command_log_refusal(struct request *req, const struct reply *reply, const char *endpoint,
                         const char *tenant_id);
/* As command_log_refusal(), for an answer of any status whose command changed nothing. */
void command_log_note(struct request *req, const char *endpoint, const struct command_rows *rows,
                      int status);

#endif
