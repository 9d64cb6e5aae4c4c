/*
 * body.h - read request bodies, Content-Length or chunked, within two limits: one body's, and that
 * of all together.
 *
 * All together counts what a body takes while its request lasts: its octets as they arrive, and the
 * values that parsing makes of them, so that 128 MiB of "[[],[],..." is not 20 GiB of memory.
 */
#ifndef SERVER_HTTP_BODY_H
#define SERVER_HTTP_BODY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "common/json.h"

struct mg_connection;
struct body_room; /* what all bodies share */

enum err body_room_new(size_t max_one, size_t max_all, struct body_room **ret,
                       struct error *err) MUST_CHECK;
void body_room_free(struct body_room *room); /* no body may be held */

struct body {
    struct body_room *room; /* NULL: holds nothing */
    char *text;             /* owned; freed by body_parse() */
    size_t len;
    size_t charged; /* octets taken of the room */
    bool invited;   /* the client may send it: 100 Continue was said, or was not asked for */
};

enum body_end {
    BODY_OK,
    BODY_AMBIGUOUS, /* two lengths, or a length that is none (RFC 9112 section 6.3): 400 */
    BODY_TOO_LARGE, /* 413 */
    BODY_NO_ROOM,   /* 503 */
    BODY_BROKEN,    /* the client went away, was too slow, or its chunks are wrong: 400 */
};

/* Does the request announce its body in one clear way? BODY_OK or BODY_AMBIGUOUS. */
enum body_end body_check_framing(const struct mg_connection *conn);
bool body_is_announced(const struct mg_connection *conn);
/* Read it all. A zeroed *ret is filled also on failure: clear it with body_clear(). Says 100
 * Continue when asked to. */
enum body_end body_read(struct mg_connection *conn, struct body_room *room, struct body *ret);
/* Charge for the values it will become: BODY_OK, BODY_NO_ROOM, or BODY_TOO_LARGE when they would
 * never fit. */
enum body_end body_measure(struct body *body);
/*
 * Parse it. *ret is owned (cJSON_Delete); NULL for a body of no octets. ERR_INPUT fills
 * *ret_syntax; ERR_NOMEM.
 */
enum err body_parse(struct body *body, cJSON **ret, struct json_syntax_error *ret_syntax,
                    struct error *err) MUST_CHECK;
void body_clear(struct body *body);
/* Does the client wait for our word before it sends the body (RFC 9110 section 10.1.1)? */
bool body_is_awaited(const struct mg_connection *conn, const struct body *body);
/* Read a refused body's rest for a moment, so that closing the connection does not destroy the
 * answer on its way. */
void body_drain(struct mg_connection *conn);

#endif
