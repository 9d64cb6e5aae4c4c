/*
 * compose.h - from the client's JSON to octets for the wire (RFC 5322, 2045-2047, 2231), with
 * GMime.
 *
 * Pure: no network, no clock, no randomness but what is given, so that every attempt makes the same
 * octets. Everything 7-bit on the wire (quoted-printable or base64), so 8BITMIME is never needed.
 */
#ifndef WORKER_COMPOSE_COMPOSE_H
#define WORKER_COMPOSE_COMPOSE_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "common/error.h"
#include "worker/claim/claim.h"
#include "worker/compose/mail.h"

struct compose_attachment {
    const char *filename;        /* borrowed; final name, MD5 marker removed */
    const char *mime_type;       /* borrowed; NULL or without '/': guessed from the name */
    const unsigned char *octets; /* borrowed */
    size_t len;
};

struct compose_input {
    const cJSON *content;                /* the message as the server stored it */
    const char *message_id;              /* for X-Genro-Mail-ID */
    const char *mime_message_id;         /* "<...>" */
    int64_t created_us;                  /* for Date */
    const struct claim_account *account; /* borrowed; NULL: asks for no notifications */
    const char *settled;                 /* JSON array of message.settled; NULL: none */
    const struct compose_attachment *attachments;
    size_t attachment_count;
    size_t max_octets; /* of the composed message */
};

/*
 * *ret is owned (mail_free). ERR_INPUT: the message can never be sent, err->text is its reason, as
 * the client shall read it ("invalid headers: ..."). ERR_LIMIT: over max_octets. ERR_NOMEM.
 */
enum err compose_mail(const struct compose_input *input, struct mail **ret,
                      struct error *err) MUST_CHECK;

/* Once per process, before the first compose_mail(). */
void compose_init(void);

#endif
