/*
 * attachment.h - one attachment of a draft, in either dialect clients speak.
 *
 * One names a storage_path and how to fetch it (fetch_mode endpoint, http_url, base64 or
 * filesystem, inferred where it is absent); the other brings content (base64), a url, or the bucket
 * and key of an s3 object. Octets that come with the message are decoded and kept apart; in the
 * stored JSON their number stands in their place.
 */
#ifndef SERVER_INTAKE_ATTACHMENT_H
#define SERVER_INTAKE_ATTACHMENT_H

#include "server/intake/validate.h"

/* Append it to d->content and, where its octets came along, to d->attachments; or reject the draft.
 */
enum err attachment_take(struct draft *d, const cJSON *item, int32_t ordinal,
                         const struct validate_limits *limits, struct error *err) MUST_CHECK;

#endif
