/*
 * shapes_message_detail.c - one message and its story. See shapes.h.
 */
#include "server/routes/shapes.h"

static const char *const shapes_outcomes[] = {"sent", "deferred", "error", NULL};

/* clang-format off */
static const struct field shapes_attempt_recipient_fields[] = {
    {"address", FIELD_TEXT, FIELD_REQUIRED, .doc = "The forward-path."},
    {"outcome", FIELD_TEXT, FIELD_REQUIRED, .labels = shapes_outcomes, .doc = "What the relay's reply means for it."},
    {"code", FIELD_INT, .max = 999, .doc = "The reply's code."},
    {"reason", FIELD_TEXT, .doc = "The reply's text."},
    {0},
};
static const struct shape shape_attempt_recipient = {
    "AttemptRecipient", "What the relay said of one recipient.", .fields = shapes_attempt_recipient_fields};

static const struct field shapes_attempt_fields[] = {
    {"attempt", FIELD_INT, FIELD_REQUIRED, .max = INT32_MAX, .doc = "1 for the first."},
    {"started_ts", FIELD_INT, FIELD_REQUIRED, .max = SHAPES_TIME_MAX, .doc = "When it began."},
    {"ended_ts", FIELD_INT, FIELD_REQUIRED, .max = SHAPES_TIME_MAX, .doc = "When its outcome was recorded."},
    {"duration_ms", FIELD_INT, .max = INT64_MAX, .doc = "Composing, connecting and sending; left out: it did not get that far."},
    {"outcome", FIELD_TEXT, FIELD_REQUIRED, .labels = shapes_outcomes, .doc = "deferred: another one followed, or will."},
    {"in_doubt", FIELD_BOOL, FIELD_REQUIRED, .doc = "The worker died while it held the message: the relay may have taken it."},
    {"phase", FIELD_TEXT, .doc = "Where in the dialogue it was decided: connect, tls, greeting, ehlo, starttls, auth, mail, rcpt, data, content, dot."},
    {"code", FIELD_INT, .max = 999, .doc = "The reply that decided it (RFC 5321)."},
    {"enhanced_code", FIELD_TEXT, .doc = "Its enhanced status code (RFC 3463)."},
    {"reply", FIELD_TEXT, .doc = "Its text, or what failed where there was none."},
    {"worker", FIELD_TEXT, .doc = "Who tried: its number, and its host as long as it is known."},
    {"recipients", FIELD_LIST, .shape = &shape_attempt_recipient, .doc = "Where the relay did not say the same of all."},
    {0},
};
static const struct shape shape_attempt = {"Attempt", "A try at the relay.", .fields = shapes_attempt_fields};

static const struct field shapes_message_detail_fields[] = {
    SHAPES_OK,
    {"message", FIELD_OBJECT, FIELD_REQUIRED, .shape = &shape_message, .doc = "As in the list, with its history."},
    {"explanation", FIELD_TEXTS, FIELD_REQUIRED,
     .doc = "What has happened, in order; then, as of now, where it stands, all that keeps it from being sent, and whether its tenant was told."},
    {"attempts", FIELD_LIST, FIELD_REQUIRED, .shape = &shape_attempt, .doc = "The last 100, in order."},
    {0},
};
/* clang-format on */
static const struct shape shape_message_detail = {"MessageDetail", "A message and its story.",
                                                  .fields = shapes_message_detail_fields};
const struct answer shapes_answers_message_detail[] = {
    {200, "The message.", &shape_message_detail},
    {404, "There is no such message."},
    {0},
};
