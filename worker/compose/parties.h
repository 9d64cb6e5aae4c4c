/*
 * parties.h - who a message is from and who gets it, read from the client's JSON.
 */
#ifndef WORKER_COMPOSE_PARTIES_H
#define WORKER_COMPOSE_PARTIES_H

#include <cjson/cJSON.h>

#include "common/address.h"
#include "worker/compose/mail.h"

struct parties {
    struct address_list from; /* exactly one */
    struct address_list to;
    struct address_list cc;
    struct address_list bcc;
    struct address_list reply_to;
};

void parties_clear(struct parties *p); /* a zeroed one is fine */

/* ERR_INPUT names the field ("invalid to: ..."). *ret is owned by the caller. */
enum err parties_read(const cJSON *content, struct parties *ret, struct error *err) MUST_CHECK;

/*
 * Fill mail->sender and mail->recipients: To, Cc, Bcc in that order, each address once, without
 * those in `settled` (a JSON array of {"address": ...}; NULL: none). ERR_INPUT when nobody is left.
 */
enum err parties_address_mail(const struct parties *p, const cJSON *content, const char *settled,
                              struct mail *mail, struct error *err) MUST_CHECK;

#endif
