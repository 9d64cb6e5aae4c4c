/*
 * rows.c - the rows of a result. See rows.h.
 */
#include "server/http/rows.h"

void rows_append(struct object *o, const char *key, const PGresult *res, int needed,
                 rows_append_fn *append)
{
    bool any = false;

    object_key(o, key);
    buf_append_char(o->out, '[');
    for (int i = 0; i < PQntuples(res); i++) {
        if (needed != ROWS_ALL && db_is_null(res, i, needed))
            continue;
        if (any)
            buf_append_char(o->out, ',');
        any = true;
        append(res, i, o->out);
    }
    buf_append_char(o->out, ']');
}
