/*
 * validate.h - is a draft well-formed in every field, and what of it is stored.
 *
 * Addresses by RFC 5321 and 6531, header names by RFC 5322, no CR, LF or NUL where they do harm.
 * Pure but for the random part of a Message-ID; no database.
 */
#ifndef SERVER_INTAKE_VALIDATE_H
#define SERVER_INTAKE_VALIDATE_H

#include "server/intake/draft.h"

struct secret_ring;

struct validate_limits {
    int64_t max_message_octets;    /* content and attachments */
    int64_t max_attachment_octets; /* one, decoded */
    int32_t default_priority;
    const struct secret_ring
        *keys; /* borrowed; seal the credentials that attachments bring along */
};

/*
 * Check an open draft; rejects it, or fills what is stored: id, batch_code, priority, due_s,
 * mime_message_id, content, attachments, size_octets. Returns ERR_OK (also when it is rejected) or
 * ERR_NOMEM.
 */
enum err validate_draft(struct draft *d, const struct validate_limits *limits,
                        struct error *err) MUST_CHECK;

/* 0 to 3 from a number (clamped), a label in any case, or what reads as a number; `fallback` for
 * all else. */
int32_t validate_priority(const cJSON *value, int32_t fallback);

/* Why a text cannot stand in a header field: CR or LF, NUL, not UTF-8; NULL: it can. */
const char *validate_header_text(const char *text);

#endif
