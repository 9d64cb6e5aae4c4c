#include "common/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

static enum log_level log_max = LOG_INFO;

void log_set_level(enum log_level level)
{
    log_max = level;
}

static void log_raw(struct log_line *l, const char *text, size_t n)
{
    size_t room = sizeof(l->text) - 1 - l->len; /* one octet is kept for the newline */

    if (n > room)
        n = room;
    memcpy(l->text + l->len, text, n);
    l->len += n;
}

static void log_key(struct log_line *l, const char *key)
{
    if (l->len)
        log_raw(l, " ", 1);
    log_raw(l, key, strlen(key));
    log_raw(l, "=", 1);
}

static bool log_needs_quotes(const char *value)
{
    if (!*value)
        return true;
    for (const unsigned char *p = (const unsigned char *)value; *p; p++)
        if (*p <= ' ' || *p == '"' || *p == '\\' || *p == '=' || *p == 0x7f)
            return true;
    return false;
}

void log_begin(struct log_line *l, enum log_level level, const char *stage, const char *event)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char iso[CLOCK_ISO_OCTETS];

    l->len = 0;
    l->on = level <= log_max;
    if (!l->on)
        return;
    log_str(l, "ts", clock_format_iso(clock_wall_us(), iso));
    log_str(l, "level", names[level]);
    log_str(l, "stage", stage);
    log_str(l, "event", event);
}

void log_str(struct log_line *l, const char *key, const char *value)
{
    if (!l->on || !value)
        return;
    log_key(l, key);
    if (!log_needs_quotes(value)) {
        log_raw(l, value, strlen(value));
        return;
    }
    log_raw(l, "\"", 1);
    for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
        char escaped[8];

        if (*p == '"' || *p == '\\')
            log_raw(l, escaped, (size_t)snprintf(escaped, sizeof(escaped), "\\%c", *p));
        else if (*p < ' ' || *p == 0x7f)
            log_raw(l, escaped, (size_t)snprintf(escaped, sizeof(escaped), "\\x%02x", *p));
        else
            log_raw(l, (const char *)p, 1);
    }
    log_raw(l, "\"", 1);
}

void log_int(struct log_line *l, const char *key, int64_t value)
{
    char digits[24];

    if (!l->on)
        return;
    log_key(l, key);
    log_raw(l, digits, (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)value));
}

void log_end(struct log_line *l)
{
    size_t done = 0;

    if (!l->on)
        return;
    l->text[l->len++] = '\n';
    while (done < l->len) {
        ssize_t n = write(STDERR_FILENO, l->text + done, l->len - done);

        if (n <= 0)
            return; /* nowhere left to complain */
        done += (size_t)n;
    }
}

void log_error(enum log_level level, const char *stage, const char *event, const struct error *err)
{
    struct log_line l;

    log_begin(&l, level, stage, event);
    log_str(&l, "code", error_name(err->code));
    log_str(&l, "error", err->text);
    log_end(&l);
}
