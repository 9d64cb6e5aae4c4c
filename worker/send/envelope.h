/*
 * envelope.h - MAIL and RCPT as they go on the wire (RFC 5321 4.1.1.2 and .3, RFC 1870, RFC 3461,
 * RFC 6152, RFC 6531).
 *
 * The last gate before the wire: whatever was checked before, an address with a CR, LF, control or
 * stray space is not written, for such an address could carry commands of its own.
 */
#ifndef WORKER_SEND_ENVELOPE_H
#define WORKER_SEND_ENVELOPE_H

#include <stdbool.h>

#include "common/buf.h"
#include "worker/compose/mail.h"
#include "worker/send/ehlo.h"

/* May `path` (local@domain, or "" for the null reverse-path) stand between angle brackets? */
bool envelope_path_is_safe(const char *path);
bool envelope_path_is_ascii(const char *path);

/* Append one command line. The address must be safe. `smtputf8`: say that this transaction needs
 * it. */
void envelope_write_mail(struct buf *out, const struct mail *mail, const struct ehlo *ehlo,
                         bool smtputf8);
void envelope_write_rcpt(struct buf *out, const struct mail *mail, const struct ehlo *ehlo,
                         size_t recipient);

#endif
