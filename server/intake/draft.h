/*
 * draft.h - one message of an add-messages request on its way into the store.
 *
 * A draft passes draft_identify() (has it what every message needs, whose is it), lookup_accounts()
 * (does the account exist) and validate_draft() (is all of it well-formed; builds what is stored).
 * The first failure is its reason; the other drafts of the request go on.
 */
#ifndef SERVER_INTAKE_DRAFT_H
#define SERVER_INTAKE_DRAFT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"

enum { DRAFT_REASON_OCTETS = 256, DRAFT_ID_OCTETS_MAX = 255, DRAFT_BATCH_MAX = 10000 };

/* The fields we know, in the order they are stored; all others are ignored. */
enum draft_field {
    DRAFT_ID,
    DRAFT_TENANT_ID,
    DRAFT_ACCOUNT_ID,
    DRAFT_FROM,
    DRAFT_TO,
    DRAFT_CC,
    DRAFT_BCC,
    DRAFT_REPLY_TO,
    DRAFT_RETURN_PATH,
    DRAFT_SUBJECT,
    DRAFT_BODY,
    DRAFT_CONTENT_TYPE,
    DRAFT_HEADERS,
    DRAFT_MESSAGE_ID,
    DRAFT_ATTACHMENTS,
    DRAFT_PRIORITY,
    DRAFT_DEFERRED_TS,
    DRAFT_BATCH_CODE,
    DRAFT_FIELD_COUNT,
};

enum draft_fate {
    DRAFT_OPEN,
    DRAFT_REJECTED, /* for its `reason` */
    DRAFT_TAKEN,    /* its id belongs to a message that was sent or is being sent: rejected too, for
                       `reason` */
    DRAFT_SUPERSEDED, /* a later draft of the same request has the same id: neither stored nor
                         rejected */
    DRAFT_STORED,
};

struct draft_attachment {
    int32_t ordinal;       /* its place in the message's attachments, from 0 */
    unsigned char *octets; /* owned */
    size_t len;
};

struct draft {
    const cJSON *source;                   /* borrowed from the request's body */
    const cJSON *field[DRAFT_FIELD_COUNT]; /* borrowed; the last one of that name; NULL: absent */
    const char *tenant_id; /* borrowed; NULL: the message names none, and lookup_accounts() has not
                              run yet */
    char *found_tenant_id; /* owned; what lookup_accounts() found where the message names none */
    const char *id, *account_id; /* borrowed */
    const char *batch_code;      /* borrowed; NULL: none */
    char *mime_message_id;       /* owned */
    int32_t priority;
    int64_t due_s; /* not before, seconds since the epoch; 0: at once */
    bool is_pec;
    struct buf content;                   /* JSON to be stored */
    struct draft_attachment *attachments; /* owned; the ones whose octets came with the message */
    size_t attachment_count;
    int64_t size_octets; /* content and attachments */
    int64_t message_pk;  /* of DRAFT_STORED */
    enum draft_fate fate;
    char reason[DRAFT_REASON_OCTETS];
};

/* All drafts of one request. */
struct draft_batch {
    struct draft *items; /* owned */
    size_t count;
};

enum err draft_batch_new(const cJSON *messages, struct draft_batch *ret,
                         struct error *err) MUST_CHECK;
void draft_batch_clear(struct draft_batch *batch);

/*
 * Gather the fields, check that none is missing, find the tenant: the message's own, else
 * `query_tenant` (what the whole request names), else `token_tenant` (each NULL: none). With a
 * token_tenant, another one is a mismatch.
 */
void draft_identify(struct draft *d, const char *query_tenant, const char *token_tenant);

const char *draft_field_name(enum draft_field field);
/* The field's value; NULL where it is absent or null. */
const cJSON *draft_value(const struct draft *d, enum draft_field field);
void draft_reject(struct draft *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* "invalid <field>: <why>" */
void draft_refuse(struct draft *d, enum draft_field field, const char *why);
void draft_drop_content(struct draft *d); /* frees what a rejected draft does not need any more */

#endif
