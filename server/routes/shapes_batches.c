/*
 * shapes_batches.c - suspend and activate. See shapes.h.
 */
#include <string.h>

#include "common/utf8.h"
#include "server/routes/shapes.h"

enum { SHAPES_BATCH_CODE_CHARACTERS = 64, SHAPES_BATCH_CODE_OCTETS = 16384 };

static const char *shapes_check_batch_code(const cJSON *value)
{
    size_t characters = 0;

    for (const char *p = value->valuestring; *p; p += utf8_octets(p))
        characters++;
    if (characters > SHAPES_BATCH_CODE_CHARACTERS)
        return "is longer than 64 characters";
    if (strchr(value->valuestring, ','))
        return "contains a comma";
    if (!strcmp(value->valuestring, "*"))
        return "\"*\" is no batch: leave batch_code out to mean the whole tenant";
    return NULL;
}

const struct field shapes_query_batch[] = {
    {"tenant_id", FIELD_TEXT, .max = SHAPES_ID_OCTETS,
     .doc = "Whose; else the tenant of the token. The admin token without it means the whole "
            "service, as long as it has no tenant but `default`."},
    {"batch_code", FIELD_TEXT, .max = SHAPES_BATCH_CODE_OCTETS, .check = shapes_check_batch_code,
     .doc = "Only the messages with this batch_code, up to 64 characters without a comma; left "
            "out or empty: all of the tenant's."},
    {0},
};

static const struct field shapes_batches_fields[] = {
    SHAPES_OK,
    {"tenant_id", FIELD_TEXT, .doc = "Whose."},
    {"batch_code", FIELD_TEXT, .doc = "The batch that was named."},
    {"suspended_batches", FIELD_TEXTS,
     .doc = "What is suspended of the tenant now, in order; [\"*\"]: all of it."},
    {"pending_messages", FIELD_INT,
     .doc = "Messages of the tenant, or of the batch that was named, that are not sent yet."},
    {"active", FIELD_BOOL, .doc = "The global switch, and nothing else, where no tenant is meant."},
    {0},
};
static const struct shape shape_batches = {"Suspension", "What is suspended now.",
                                           .fields = shapes_batches_fields};
const struct answer shapes_answers_batches[] = {
    {200, "It is so now; what workers had not begun to send goes back to the queue.",
     &shape_batches},
    {400, "tenant not found; or a single batch of a tenant that is suspended as a whole."},
    {0},
};
