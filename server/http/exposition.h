/*
 * exposition.h - write metrics in Prometheus' text format, version 0.0.4.
 */
#ifndef SERVER_HTTP_EXPOSITION_H
#define SERVER_HTTP_EXPOSITION_H

#include <stdbool.h>

#include "common/buf.h"

#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* The lines before a family's samples; a family without samples is these alone. */
void exposition_head(struct buf *out, const char *family, const char *type, const char *help);

/* One sample: open, label as often as there are labels, close. `suffix`: "_bucket" and the like. */
struct sample {
    struct buf *out;
    bool any;
};

struct sample sample_open(struct buf *out, const char *family, const char *suffix);
void sample_label(struct sample *s, const char *name, const char *value);
void sample_close(struct sample *s, double value); /* whole numbers are written as "3.0" */

#endif
