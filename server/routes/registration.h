/*
 * registration.h - tenants are created, replaced and changed.
 */
#ifndef SERVER_ROUTES_REGISTRATION_H
#define SERVER_ROUTES_REGISTRATION_H

#include "server/http/reply.h"

/* {"ok":true,"api_key":...}, the only place where a token is ever shown; without the key where
 * `api_key` is empty. */
void registration_reply_key(struct reply *reply, const char *api_key);

#endif
