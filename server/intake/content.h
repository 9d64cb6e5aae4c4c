/*
 * content.h - build what is stored of a valid draft: its known fields as JSON, its attachments'
 * octets apart.
 */
#ifndef SERVER_INTAKE_CONTENT_H
#define SERVER_INTAKE_CONTENT_H

#include "server/intake/validate.h"

/* Fills content, attachments and size_octets, or rejects the draft: an attachment is wrong, or it
 * is over a limit. */
enum err content_build(struct draft *d, const struct validate_limits *limits,
                       struct error *err) MUST_CHECK;

#endif
