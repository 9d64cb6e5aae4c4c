/*
 * exposition.c - Prometheus' text format. See exposition.h.
 */
#include "server/http/exposition.h"

#include <stdint.h>

static void exposition_escape(struct buf *out, const char *text, bool quoted)
{
    for (; *text; text++) {
        if (*text == '\\')
            buf_append_str(out, "\\\\");
        else if (*text == '\n')
            buf_append_str(out, "\\n");
        else if (*text == '"' && quoted)
            buf_append_str(out, "\\\"");
        else
            buf_append_char(out, *text);
    }
}

void exposition_head(struct buf *out, const char *family, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s ", family);
    exposition_escape(out, help, false);
    buf_printf(out, "\n# TYPE %s %s\n", family, type);
}

struct sample sample_open(struct buf *out, const char *family, const char *suffix)
{
    buf_append_str(out, family);
    buf_append_str(out, suffix);
    return (struct sample){.out = out};
}

void sample_label(struct sample *s, const char *name, const char *value)
{
    buf_append_char(s->out, s->any ? ',' : '{');
    s->any = true;
    buf_append_str(s->out, name);
    buf_append_str(s->out, "=\"");
    exposition_escape(s->out, value, true);
    buf_append_char(s->out, '"');
}

void sample_close(struct sample *s, double value)
{
    if (s->any)
        buf_append_char(s->out, '}');
    buf_printf(s->out, value == (double)(int64_t)value ? " %.1f\n" : " %.9g\n", value);
}
