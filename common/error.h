/*
 * error.h - what went wrong, and what the caller may do about it.
 *
 * A fallible function returns an enum err, and fills *reterr with one line for the log on failure.
 * Only the layer that handles an error logs it. The text never holds a secret or a message's
 * content.
 */
#ifndef COMMON_ERROR_H
#define COMMON_ERROR_H

#define MUST_CHECK                   __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))

enum err {
    ERR_OK = 0,
    ERR_NOMEM,     /* out of memory: give this piece of work up, go on with the next */
    ERR_INPUT,     /* foreign input is wrong, the text names the field and the remedy: answer 4xx */
    ERR_LIMIT,     /* a cap was reached: refuse, or wait and try again */
    ERR_CONFIG,    /* a setting is wrong, the text names it and its bounds: stop the start */
    ERR_SECRET,    /* no key, an unknown key, or a sealed value that was tampered with */
    ERR_NOT_FOUND, /* the thing named does not exist */
    ERR_DB,       /* a statement failed, the connection is fine: a bug, or a constraint that held */
    ERR_DB_RETRY, /* a race was lost (serialization, deadlock, unique, foreign key): run the
                     transaction again */
    ERR_DB_GONE, /* the database cannot be reached or the connection broke: reconnect, answer 503 */
    ERR_NET,     /* a peer could not be reached, or the connection to it broke */
    ERR_IO,      /* a local file or socket failed */
};

enum { ERROR_TEXT_OCTETS = 512 };

struct error {
    enum err code;
    char text[ERROR_TEXT_OCTETS]; /* one line, NUL-terminated, cut when longer */
};

/* Fill *err (NULL: only the code is wanted) and return `code`, so that a caller can `return
 * error_set(...)`. */
enum err error_set(struct error *err, enum err code, const char *fmt, ...) PRINTF_LIKE(3, 4);

#ifdef __clang_analyzer__
/* The analyzer looks neither into other files nor into variadic functions: tell it that the code is
 * what comes back, or it follows paths on which a failure looks like success. */
static inline enum err error_told(enum err told, enum err code)
{
    (void)told;
    return code;
}
#define error_set(err, code, ...) error_told((error_set)((err), (code), __VA_ARGS__), (code))
#endif

/* The code's lower-case name for the log, such as "db_gone"; a static string. */
const char *error_name(enum err code);

#endif
