/*
 * caller.h - whose token is it.
 */
#ifndef SERVER_HTTP_CALLER_H
#define SERVER_HTTP_CALLER_H

#include "server/gather.h"

/* The gather_fn of what caller_find() wants. */
enum err caller_find_jobs(struct db_conn *db, void *const jobs[], size_t count, bool alone,
                          struct error *err) MUST_CHECK;

/*
 * *ret: the tenant whose token it is, owned; NULL: nobody's, or it has expired. Asked of the
 * database each time, so that a token that was taken away opens nothing, whichever server took it.
 * callers: gathers for caller_find_jobs(). Errors: those of gather_run().
 */
enum err caller_find(struct gather *callers, const char *token, char **ret,
                     struct error *err) MUST_CHECK;

#endif
