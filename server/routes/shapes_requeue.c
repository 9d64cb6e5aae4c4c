/*
 * shapes_requeue.c - messages to be tried again. See shapes.h.
 */
#include "server/routes/shapes.h"

static const char *const shapes_requeue_statuses[] = {"error", "deferred", NULL};

/* clang-format off */
static const struct field shapes_requeue_fields[] = {
    {"tenant_id", FIELD_TEXT, .max = SHAPES_ID_OCTETS, .doc = "Whose; without any: those of `default`."},
    {"ids", FIELD_TEXTS, .doc = "Only these messages; required where there is no status."},
    {"account_id", FIELD_TEXT, .max = SHAPES_ID_OCTETS, .doc = "Only those of this account."},
    {"batch_code", FIELD_TEXT, .doc = "Only those of this batch."},
    {"status", FIELD_TEXT, .labels = shapes_requeue_statuses,
     .doc = "error: what was given up or cancelled, as ids alone mean it; deferred: what was tried and waits for its next attempt."},
    {"dry_run", FIELD_BOOL, .doc = "Default false. true: only say how many."},
    {0},
};
/* clang-format on */
const struct shape shape_requeue = {"Requeue", "Which messages.", true, shapes_requeue_fields};

static const struct field shapes_requeued_fields[] = {
    SHAPES_OK,
    {"requeued", FIELD_INT, FIELD_REQUIRED, .max = INT64_MAX, .doc = "So many are tried again."},
    {"remaining", FIELD_INT, FIELD_REQUIRED, .max = INT64_MAX,
     .doc = "So many fit as well, and are left for the next request."},
    {0},
};
static const struct shape shape_requeued = {"Requeued", "What is tried again.",
                                            .fields = shapes_requeued_fields};
const struct answer shapes_answers_requeued[] = {
    {200, "What is tried again.", &shape_requeued},
    {400, "There is no such tenant, or it has no such account."},
    {0},
};
