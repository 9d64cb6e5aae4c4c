#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>

enum err(error_set)(struct error *err, enum err code, const char *fmt, ...)
{
    if (err) {
        va_list args;

        err->code = code;
        va_start(args, fmt);
        vsnprintf(err->text, sizeof(err->text), fmt, args);
        va_end(args);
        for (char *p = err->text; *p; p++)
            if ((unsigned char)*p < ' ')
                *p = ' '; /* libpq and libcurl end some texts with a newline */
    }
    return code;
}

const char *error_name(enum err code)
{
    switch (code) {
    case ERR_OK:
        return "ok";
    case ERR_NOMEM:
        return "nomem";
    case ERR_INPUT:
        return "input";
    case ERR_LIMIT:
        return "limit";
    case ERR_CONFIG:
        return "config";
    case ERR_SECRET:
        return "secret";
    case ERR_NOT_FOUND:
        return "not_found";
    case ERR_DB:
        return "db";
    case ERR_DB_RETRY:
        return "db_retry";
    case ERR_DB_GONE:
        return "db_gone";
    case ERR_NET:
        return "net";
    case ERR_IO:
        return "io";
    }
    return "unknown";
}
