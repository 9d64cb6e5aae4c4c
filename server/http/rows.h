/*
 * rows.h - write the rows of a result as a JSON array.
 */
#ifndef SERVER_HTTP_ROWS_H
#define SERVER_HTTP_ROWS_H

#include "common/db.h"
#include "server/http/object.h"

typedef void rows_append_fn(const PGresult *res, int row, struct buf *out);

enum { ROWS_ALL = -1 };

/* A member of the object: an array of what `append` writes for each row in which the column
 * `needed` is not null; ROWS_ALL: for each. */
void rows_append(struct object *o, const char *key, const PGresult *res, int needed,
                 rows_append_fn *append);

#endif
