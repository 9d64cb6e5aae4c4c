/*
 * reply.h - answer a request: JSON at once, or streamed in chunks while the rows come.
 *
 * A handler either fills a whole answer (reply_json() and friends; it is sent after the handler
 * returned, when no database connection is held any more) or streams one (reply_stream()).
 */
#ifndef SERVER_HTTP_REPLY_H
#define SERVER_HTTP_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"

struct mg_connection;
struct fields;

enum { REPLY_BODY_CAP_OCTETS = 512 * 1024 * 1024, REPLY_HEADERS_OCTETS = 8192 };

struct reply {
    struct mg_connection *conn; /* borrowed */
    int status;
    const char *content_type;           /* borrowed */
    const char *cache_control;          /* borrowed; NULL: no-store */
    struct buf body;                    /* the whole answer, or what of a stream is not sent yet */
    char headers[REPLY_HEADERS_OCTETS]; /* "Name: value\r\n", besides the ones each answer has */
    char cause[ERROR_TEXT_OCTETS + 16]; /* for the log: why, in words the client does not see */
    bool head_only;                     /* HEAD: headers without the body */
    bool close;                         /* end the connection behind this answer */
    bool streaming;                     /* headers are sent, chunks follow */
    bool http10; /* the client knows no chunks: the end of the connection ends the answer */
    bool broken; /* the client is gone, or the stream was cut */
};

void reply_init(struct reply *reply, struct mg_connection *conn);
void reply_clear(struct reply *reply);

/* A whole answer: sets the status, empties the body and returns it to be written. */
struct buf *reply_json(struct reply *reply, int status);
/* The same for what is no JSON. 304 has no media type: NULL. */
struct buf *reply_text(struct reply *reply, int status, const char *content_type);
void reply_ok(struct reply *reply); /* 200 {"ok":true} */
/* {"detail":"..."}. */
void reply_detail(struct reply *reply, int status, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* 422 {"detail":[...]} with the errors collected. */
void reply_fields(struct reply *reply, const struct fields *fields);
/*
 * The answer to a failure from below: ERR_INPUT and ERR_SECRET 400 with the text, ERR_NOT_FOUND
 * 404, all others 503 with Retry-After and a text that tells nothing of the inside, which goes to
 * `cause` instead.
 */
void reply_error(struct reply *reply, const struct error *err);
void reply_header(struct reply *reply, const char *name,
                  const char *value); /* value: no control characters */

void reply_send(struct reply *reply); /* the listener's; does nothing for a stream */

/* Begin a streamed 200; write to the buffer returned and call reply_flush() now and then. */
struct buf *reply_stream(struct reply *reply);
/* Send what was written, when there is enough of it. false: the client is gone, stop. */
bool reply_flush(struct reply *reply);
void reply_stream_end(struct reply *reply);
/* Cut the connection, so that the client cannot take the part for the whole. */
void reply_stream_cut(struct reply *reply, const struct error *err);

#endif
