#include "worker/send/envelope.h"

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
    buf_append_str(out, "\r\n");
}

void envelope_write_rcpt(struct buf *out, const char *address)
{
    buf_append_str(out, "RCPT TO:<");
    buf_append_str(out, address);
    buf_append_str(out, ">\r\n");
}
