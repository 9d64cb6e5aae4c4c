/*
 * headers.h - a message's own header fields: names by RFC 5322 section 2.2, values that stay on
 * their line.
 */
#ifndef SERVER_INTAKE_HEADERS_H
#define SERVER_INTAKE_HEADERS_H

#include "server/intake/draft.h"

/* Rejects the draft where its `headers` cannot be sent as they are. */
void headers_check(struct draft *d);

#endif
