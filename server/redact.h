/*
 * redact.h - JSON for people who may know what was asked, but neither a secret nor a message's
 * content.
 *
 * What a member's value becomes is decided by its name. A table holds the names that may be seen;
 * any other name is one that nobody has thought about yet, and of its value only the size is told.
 *
 *     secrets                      "***"
 *     content, unknown names       "[123 octets]"
 *     header fields                their names, and the size of each value
 *     credentials (client_auth)    method and user, all else "***"
 *     URLs                         without userinfo, query and fragment
 *     texts                        at most REDACT_TEXT_OCTETS_MAX octets
 *
 * The output is bounded: a list that has grown too long ends in a count, "[98 more]".
 */
#ifndef SERVER_REDACT_H
#define SERVER_REDACT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

enum {
    REDACT_TEXT_OCTETS_MAX = 256,
    REDACT_ITEM_OCTETS = 2048,      /* an object in an array, before its rest becomes a count */
    REDACT_LIST_OCTETS = 48 * 1024, /* the same for the whole: what is open is closed beyond it */
    REDACT_OCTETS_MAX = 64 * 1024,  /* no list is longer than this with all its ends */
};

/* What a value becomes. */
enum redact_as {
    REDACT_UNKNOWN, /* its size */
    REDACT_KEEP,    /* as it is; members of an object each by its own name */
    REDACT_OBJECTS, /* an array of objects; what is none of them is told by its size */
    REDACT_URL,     /* all of it is a URL, or a part of one */
    REDACT_SIZE,
    REDACT_SECRET,
    REDACT_HEADERS,
    REDACT_AUTH,
    REDACT_S3,
    REDACT_STORAGE, /* a path, or base64: what stands beside it tells */
};

/* An object or an array that is written member by member. */
struct redact_list {
    struct buf *out; /* borrowed */
    size_t limit;    /* out->len from which on members are only counted */
    size_t dropped;
    enum redact_as as; /* the members of an array */
    bool is_object;
    bool any;
};

/* A whole object. */
struct redact_list redact_open(struct buf *out);
/* A member; in an object its name decides what it becomes, in an array the array's name. */
void redact_add(struct redact_list *list, const cJSON *item);
/* To an array: an object of which one member is enough; one without it is added as it is. */
void redact_add_part(struct redact_list *list, const cJSON *object, const char *name);
/* All members of an object; NULL and what is no object have none. */
void redact_add_members(struct redact_list *list, const cJSON *object);
void redact_add_text(struct redact_list *list, const char *text); /* to an array */
/* An array within, which takes part in the limit; close it before the next call on `list`. */
struct redact_list redact_open_array(struct redact_list *list, const char *name);
void redact_close(struct redact_list *list);

#endif
