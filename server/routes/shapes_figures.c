/*
 * shapes_figures.c - how it goes: the queue, throughput, errors, the accounts' health. See
 * shapes.h.
 */
#include "server/routes/shapes.h"

enum { SHAPES_HOURS_MAX = 48, SHAPES_BUCKET_MIN_S = 300, SHAPES_BUCKET_MAX_S = 86400 };

#define SHAPES_COUNTED FIELD_INT, FIELD_REQUIRED, .max = INT64_MAX
#define SHAPES_MOMENT  FIELD_INT, FIELD_REQUIRED, .max = SHAPES_TIME_MAX
#define SHAPES_HOURS                                                                               \
    {                                                                                              \
        "hours", FIELD_INT, .min = 1, .max = SHAPES_HOURS_MAX,                                     \
                            .doc = "So many hours back; default 24."                               \
    }

/* clang-format off */

/* ---- the queue ---- */

static const struct field shapes_backlog_fields[] = {
    {"tenant_id", FIELD_TEXT, FIELD_REQUIRED, .doc = "Whose."},
    {"tenant_name", FIELD_TEXT, .doc = "For people."},
    {"account_id", FIELD_TEXT, FIELD_REQUIRED, .doc = "The account."},
    {"account_name", FIELD_TEXT, .doc = "For people."},
    {"waiting", SHAPES_COUNTED, .doc = "All that is not final."},
    {"due", SHAPES_COUNTED, .doc = "Of these: may be sent now, as far as the account can."},
    {"sending", SHAPES_COUNTED, .doc = "In a worker's hands."},
    {"deferred", SHAPES_COUNTED, .doc = "Waits for a retry, or as its sender wished."},
    {"held", SHAPES_COUNTED, .doc = "Of a suspended batch."},
    {"oldest_due_seconds", FIELD_INT, .max = INT64_MAX, .doc = "For how long the oldest has been due; left out: none is."},
    {"drain_seconds", FIELD_INT, .max = INT64_MAX,
     .doc = "Until all but the held ones are gone, at the pace of the last five minutes or of the limits; left out: no pace is known."},
    {0},
};
static const struct shape shape_backlog = {"Backlog", "What an account has still to send.", .fields = shapes_backlog_fields};
static const struct field shapes_suspended_fields[] = {
    {"tenant_id", FIELD_TEXT, FIELD_REQUIRED, .doc = "Whose."},
    {"batches", FIELD_TEXTS, FIELD_REQUIRED, .doc = "What is suspended; [\"*\"]: all of it."},
    {0},
};
static const struct shape shape_suspended = {"Suspended", "What of a tenant is suspended.", .fields = shapes_suspended_fields};
static const struct field shapes_queue_fields[] = {
    SHAPES_OK,
    {"accounts", FIELD_LIST, FIELD_REQUIRED, .shape = &shape_backlog, .doc = "Those with something to send, the most first."},
    {"suspended", FIELD_LIST, FIELD_REQUIRED, .shape = &shape_suspended, .doc = "The tenants of whom something is suspended."},
    {0},
};
static const struct shape shape_queue = {"Queue", "What waits.", .fields = shapes_queue_fields};
const struct answer shapes_answers_queue[] = {{200, "What waits.", &shape_queue}, {0}};

/* ---- throughput ---- */

const struct field shapes_query_throughput[] = {
    SHAPES_QUERY_TENANT,
    SHAPES_HOURS,
    {"bucket_seconds", FIELD_INT, .min = SHAPES_BUCKET_MIN_S, .max = SHAPES_BUCKET_MAX_S, .doc = "Length of a bucket; default 300."},
    {0},
};
static const struct field shapes_bucket_fields[] = {
    {"start_ts", SHAPES_MOMENT, .doc = "When the bucket begins: a multiple of its length."},
    {"accepted", SHAPES_COUNTED, .doc = "Messages that came, and are still there."},
    {"sent", SHAPES_COUNTED, .doc = "Attempts that sent a message."},
    {"error", SHAPES_COUNTED, .doc = "Attempts that made it an error."},
    {"deferred", SHAPES_COUNTED, .doc = "Attempts after which it waits."},
    {0},
};
static const struct shape shape_bucket = {"Bucket", "What happened in a bucket of time.", .fields = shapes_bucket_fields};
static const struct field shapes_latency_fields[] = {
    {"start_ts", SHAPES_MOMENT, .doc = "When the bucket begins."},
    {"p50_seconds", FIELD_NUMBER, FIELD_REQUIRED, .doc = "From being due to the relay's reply: half of what was sent took no longer."},
    {"p95_seconds", FIELD_NUMBER, FIELD_REQUIRED, .doc = "The same of 95 %."},
    {"p99_seconds", FIELD_NUMBER, FIELD_REQUIRED, .doc = "The same of 99 %."},
    {0},
};
static const struct shape shape_latency = {"Latency", "How long what was sent had taken.", .fields = shapes_latency_fields};
static const struct field shapes_throughput_fields[] = {
    SHAPES_OK,
    {"bucket_seconds", FIELD_INT, FIELD_REQUIRED, .max = SHAPES_BUCKET_MAX_S, .doc = "Length of a bucket."},
    {"since_ts", SHAPES_MOMENT, .doc = "When the figures begin."},
    {"buckets", FIELD_LIST, FIELD_REQUIRED, .shape = &shape_bucket, .doc = "Those in which something happened, the oldest first."},
    {"latency", FIELD_LIST, FIELD_REQUIRED, .shape = &shape_latency, .doc = "Those in which something was sent."},
    {0},
};
static const struct shape shape_throughput = {"Throughput", "Mail in and out, over time.", .fields = shapes_throughput_fields};
const struct answer shapes_answers_throughput[] = {{200, "The figures.", &shape_throughput}, {0}};

/* ---- errors ---- */

const struct field shapes_query_errors[] = {SHAPES_QUERY_TENANT, SHAPES_HOURS, {0}};
static const char *const shapes_failures[] = {"error", "deferred", NULL};
static const struct field shapes_failure_fields[] = {
    {"tenant_id", FIELD_TEXT, FIELD_REQUIRED, .doc = "Whose."},
    {"account_id", FIELD_TEXT, FIELD_REQUIRED, .doc = "By way of which account."},
    {"code", FIELD_INT, .max = 999, .doc = "The relay's reply; left out: there was none."},
    {"enhanced_code", FIELD_TEXT, .doc = "Its enhanced status code (RFC 3463)."},
    {"outcome", FIELD_TEXT, FIELD_REQUIRED, .labels = shapes_failures, .doc = "deferred: they are tried again."},
    {"reason", FIELD_TEXT, .doc = "The text of the last one, or what failed where there was no reply."},
    {"count", SHAPES_COUNTED, .doc = "So many attempts ended like this."},
    {"last_ts", SHAPES_MOMENT, .doc = "The last of them."},
    {"example_id", FIELD_TEXT, .doc = "Id of its message; left out: it was deleted since."},
    {0},
};
static const struct shape shape_failure = {"Failure", "A way in which attempts failed.", .fields = shapes_failure_fields};
static const struct field shapes_errors_fields[] = {
    SHAPES_OK,
    {"since_ts", SHAPES_MOMENT, .doc = "Since when all are counted."},
    {"errors", FIELD_LIST, FIELD_REQUIRED, .shape = &shape_failure,
     .doc = "By account, code, enhanced code, place in the dialogue and outcome; the most frequent first."},
    {0},
};
static const struct shape shape_errors = {"Errors", "What went wrong.", .fields = shapes_errors_fields};
const struct answer shapes_answers_errors[] = {{200, "What went wrong.", &shape_errors}, {0}};

/* ---- the accounts' health ---- */

static const char *const shapes_windows[] = {"minute", "hour", "day", NULL};
static const struct field shapes_window_fields[] = {
    {"window", FIELD_TEXT, FIELD_REQUIRED, .labels = shapes_windows, .doc = "In any so long a time."},
    {"whole_tenant", FIELD_BOOL, FIELD_REQUIRED, .doc = "true: of all the tenant's accounts together."},
    {"limit", SHAPES_COUNTED, .doc = "So many messages may be sent."},
    {"used", SHAPES_COUNTED, .doc = "So many were, or are in the workers' hands."},
    {"left", SHAPES_COUNTED, .doc = "So many may be sent now."},
    {"next_free_ts", FIELD_INT, .max = SHAPES_TIME_MAX,
     .doc = "Where none is left: when the next one may be; left out: what is under way decides."},
    {0},
};
static const struct shape shape_window = {"Window", "A rate limit.", .fields = shapes_window_fields};
static const char *const shapes_account_states[] = {"ok", "backed_off", "at_limit", "no_token", "paused", "suspended", NULL};
static const struct field shapes_health_fields[] = {
    {"tenant_id", FIELD_TEXT, FIELD_REQUIRED, .doc = "Whose."},
    {"account_id", FIELD_TEXT, FIELD_REQUIRED, .doc = "The account."},
    {"account_name", FIELD_TEXT, .doc = "For people."},
    {"host", FIELD_TEXT, FIELD_REQUIRED, .doc = "Its relay."},
    {"port", FIELD_INT, FIELD_REQUIRED, .max = 65535, .doc = "Its port."},
    {"state", FIELD_TEXT, FIELD_REQUIRED, .labels = shapes_account_states,
     .doc = "backed_off: its relay or login failed; at_limit: a rate limit; no_token: its token endpoint gave none; "
            "paused: by an operator; suspended: with its tenant, or the whole service."},
    {"reason", FIELD_TEXT, .doc = "Why it is not ok."},
    {"until_ts", FIELD_INT, .max = SHAPES_TIME_MAX, .doc = "When it is tried again."},
    {"failures", SHAPES_COUNTED, .doc = "In a row."},
    {"connections", SHAPES_COUNTED, .doc = "That workers may have open to its relay at this moment."},
    {"max_connections", FIELD_INT, .max = INT32_MAX, .doc = "The most it may be; left out: the service's."},
    {"served_ts", SHAPES_MOMENT, .doc = "When messages of it were last claimed, or when it was made."},
    {"windows", FIELD_LIST, FIELD_REQUIRED, .shape = &shape_window, .doc = "Its limits, and its tenant's."},
    {"warnings", FIELD_TEXTS, .doc = "What an operator should know about how it is set up."},
    {0},
};
static const struct shape shape_health = {"AccountHealth", "Can it send?", .fields = shapes_health_fields};
static const struct field shapes_account_health_fields[] = {
    SHAPES_OK,
    {"accounts", FIELD_LIST, FIELD_REQUIRED, .shape = &shape_health, .doc = "Those that are not ok first; by tenant and id."},
    {0},
};
static const struct shape shape_account_health = {"AccountsHealth", "How the accounts are.", .fields = shapes_account_health_fields};
const struct answer shapes_answers_account_health[] = {{200, "How they are.", &shape_account_health}, {0}};
/* clang-format on */
