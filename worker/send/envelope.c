#include "worker/send/envelope.h"

#include <stdio.h>
#include <string.h>

bool envelope_path_is_ascii(const char *path)
{
    for (; *path; path++)
        if ((unsigned char)*path >= 0x80)
            return false;
    return true;
}

bool envelope_path_is_safe(const char *path)
{
    bool quoted = false;

    for (; *path; path++) {
        unsigned char c = (unsigned char)*path;

        if (c < ' ' || c == 0x7f)
            return false;
        if (quoted && c == '\\') {
            c = (unsigned char)*++path; /* quoted-pair: a printable follows */
            if (c < ' ' || c == 0x7f)
                return false;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && (c == ' ' || c == '<' || c == '>')) {
            return false;
        }
    }
    return !quoted;
}

/* ---- delivery status notifications (RFC 3461) ---- */

enum { ENVELOPE_ID_OCTETS_MAX = 100 }; /* section 4.4, encoded */

/* " NAME=VALUE"; the values are keywords, nothing else goes out. */
static void envelope_write_keywords(struct buf *out, const char *name, const char *value)
{
    if (value && value[strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ,")] == '\0')
        buf_printf(out, " %s=%s", name, value);
}

/*
 * ENVID as xtext (section 4), so that it can end neither the parameter nor the line. An id that a
 * notification could not carry back, because it is too long or not ASCII throughout, is not sent.
 */
static void envelope_write_id(struct buf *out, const char *id)
{
    char xtext[ENVELOPE_ID_OCTETS_MAX + 4];
    size_t n = 0;

    for (const unsigned char *p = (const unsigned char *)id; *p; p++) {
        if (*p < ' ' || *p > '~' || n >= ENVELOPE_ID_OCTETS_MAX)
            return;
        if (*p == ' ' || *p == '+' || *p == '=')
            n += (size_t)snprintf(xtext + n, sizeof(xtext) - n, "+%02X", *p);
        else
            xtext[n++] = (char)*p;
    }
    if (n == 0 || n > ENVELOPE_ID_OCTETS_MAX)
        return;
    buf_append_str(out, " ENVID=");
    buf_append(out, xtext, n);
}

/* ---- commands ---- */

void envelope_write_mail(struct buf *out, const struct mail *mail, const struct ehlo *ehlo,
                         bool smtputf8)
{
    buf_append_str(out, "MAIL FROM:<");
    buf_append_str(out, mail->sender);
    buf_append_str(out, ">");
    if (ehlo->size)
        buf_printf(out, " SIZE=%zu", mail->data.len);
    if (mail->has_8bit && ehlo->eightbitmime)
        buf_append_str(out, " BODY=8BITMIME");
    if (smtputf8)
        buf_append_str(out, " SMTPUTF8");
    if (ehlo->dsn && mail->envelope_id) {
        envelope_write_keywords(out, "RET", mail->dsn_ret);
        envelope_write_id(out, mail->envelope_id);
    }
    buf_append_str(out, "\r\n");
}

void envelope_write_rcpt(struct buf *out, const struct mail *mail, const struct ehlo *ehlo,
                         size_t recipient)
{
    buf_append_str(out, "RCPT TO:<");
    buf_append_str(out, mail->recipients[recipient].address);
    buf_append_str(out, ">");
    if (ehlo->dsn)
        envelope_write_keywords(out, "NOTIFY", mail->dsn_notify);
    buf_append_str(out, "\r\n");
}
