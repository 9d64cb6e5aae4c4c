/*
 * log.h - one event a line on stderr, key=value.
 *
 * Every line begins ts= level= stage= event=, then ids (tenant= message= account= attempt=), then
 * facts, free text last. Values are quoted when needed and control characters escaped, so a foreign
 * reply cannot forge a line. Never pass a secret or a message's content.
 *
 *     struct log_line l;
 *     log_begin(&l, LOG_WARN, "claim", "database_gone");
 *     log_str(&l, "error", err.text);
 *     log_end(&l);
 *
 * A line below the level set costs one comparison. Lines are written with one write(2) each:
 * threads do not mix.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum log_level {
    LOG_ERROR, /* someone must act */
    LOG_WARN,  /* we go on, and the line says how */
    LOG_INFO,  /* one line per attempt, report, start, stop */
    LOG_DEBUG,
};

enum { LOG_LINE_OCTETS = 4096 }; /* a longer line is cut */

struct log_line {
    size_t len;
    bool on;
    char text[LOG_LINE_OCTETS];
};

void log_set_level(enum log_level level); /* before the first thread starts */
void log_begin(struct log_line *l, enum log_level level, const char *stage, const char *event);
void log_str(struct log_line *l, const char *key,
             const char *value); /* NULL: the key is left out */
void log_int(struct log_line *l, const char *key, int64_t value);
void log_end(struct log_line *l);

/* The common short line: stage, event and the error's text. */
void log_error(enum log_level level, const char *stage, const char *event, const struct error *err);

#endif
