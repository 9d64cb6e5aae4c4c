/*
 * shapes_message.c - messages in, out and gone. See shapes.h.
 */
#include "server/routes/shapes.h"

enum { SHAPES_FILTER_OCTETS = 4096 };

/* ---- add-messages ---- */

/* clang-format off */
static const struct field shapes_attachment_fields[] = {
    {"filename", FIELD_TEXT, .doc = "Default: the last segment of the path, URL or key."},
    {"storage_path", FIELD_TEXT, .doc = "What fetch_mode makes of it."},
    {"fetch_mode", FIELD_TEXT,
     .doc = "endpoint (the tenant's attachment URL), http_url, base64 or filesystem; default: by the path."},
    {"mime_type", FIELD_TEXT, .doc = "Default: by the file name."},
    {"content_md5", FIELD_TEXT, .doc = "32 hexadecimal digits: may be served from the cache."},
    {"auth", FIELD_OBJECT, .doc = "Credentials for this attachment, as a tenant's client_auth."},
    {"content", FIELD_TEXT, .doc = "Its octets, base64."},
    {"url", FIELD_TEXT, .doc = "An http or https URL."},
    {"s3", FIELD_OBJECT, .doc = "{\"bucket\",\"key\"}: fetched through the tenant's attachment URL."},
    {0},
};
static const struct shape shape_attachment = {
    "AttachmentNew", "An attachment: by storage_path, or by one of content, url and s3.", true,
    shapes_attachment_fields};

static const struct field shapes_message_new_fields[] = {
    {"id", FIELD_TEXT, FIELD_REQUIRED, .doc = "The client's own, 1 to 255 octets."},
    {"tenant_id", FIELD_TEXT, .doc = "Whose message."},
    {"account_id", FIELD_TEXT, FIELD_REQUIRED, .doc = "The account it goes out through."},
    {"from", FIELD_TEXT, FIELD_REQUIRED, .doc = "An address (RFC 5321, 6531), with a display name or not."},
    {"to", FIELD_ANY, FIELD_REQUIRED, .doc = "Addresses: an array, or a text with commas."},
    {"cc", FIELD_ANY, .doc = "As to."},
    {"bcc", FIELD_ANY, .doc = "As to; not transmitted."},
    {"reply_to", FIELD_TEXT, .doc = "Addresses, with commas between."},
    {"return_path", FIELD_TEXT, .doc = "Envelope sender; <> or empty: the null reverse-path."},
    {"subject", FIELD_TEXT, FIELD_REQUIRED, .doc = "May be empty."},
    {"body", FIELD_TEXT, .doc = "Default empty."},
    {"content_type", FIELD_TEXT, .doc = "html; anything else is plain text."},
    {"headers", FIELD_OBJECT, .doc = "Further header fields; not Bcc, Return-Path, MIME-Version, Content-*."},
    {"message_id", FIELD_TEXT, .doc = "Message-ID; default: made at acceptance."},
    {"attachments", FIELD_LIST, .shape = &shape_attachment, .doc = "Attachments."},
    {"priority", FIELD_ANY, .doc = "0 to 3, or immediate, high, medium, low."},
    {"deferred_ts", FIELD_INT, .max = INT64_MAX, .doc = "Not before, seconds since the epoch."},
    {"batch_code", FIELD_TEXT, .doc = "Up to 64 characters without a comma."},
    {0},
};
/* clang-format on */
static const struct shape shape_message_new = {
    "MessageNew", "A message. One that does not fit is rejected alone.", true,
    shapes_message_new_fields};

static const struct field shapes_messages_new_fields[] = {
    {"messages", FIELD_LIST, FIELD_REQUIRED, .shape = &shape_message_new,
     .doc = "At most 10,000; each is judged by itself."},
    {"tenant_id", FIELD_ANY, .doc = "Whose those are that do not say it themselves."},
    {"default_priority", FIELD_ANY, .doc = "For messages without one."},
    {0},
};
const struct shape shape_messages_new = {"MessagesNew", "Messages to send.", true,
                                         shapes_messages_new_fields};

static const struct field shapes_rejected_fields[] = {
    {"id", FIELD_ANY, .doc = "As the client gave it; left out where it gave none."},
    {"reason", FIELD_TEXT, FIELD_REQUIRED, .doc = "Why it is not stored."},
    {0},
};
static const struct shape shape_rejected = {"Rejected", "A message that is not stored.",
                                            .fields = shapes_rejected_fields};
static const struct field shapes_added_fields[] = {
    SHAPES_OK,
    {"queued", FIELD_INT, FIELD_REQUIRED, .max = INT64_MAX, .doc = "Messages stored."},
    {"rejected", FIELD_LIST, FIELD_REQUIRED, .shape = &shape_rejected, .doc = "The others."},
    {0},
};
static const struct shape shape_added = {"Added", "What became of the messages.",
                                         .fields = shapes_added_fields};
static const struct field shapes_all_rejected_detail_fields[] = {
    {"error", FIELD_TEXT, FIELD_REQUIRED, .doc = "What is wrong with the whole."},
    {"rejected", FIELD_ANY, FIELD_REQUIRED, .doc = "The messages; null where none was looked at."},
    {0},
};
static const struct shape shape_all_rejected_detail = {"AllRejectedDetail", "Why.",
                                                       .fields = shapes_all_rejected_detail_fields};
static const struct field shapes_all_rejected_fields[] = {
    {"detail", FIELD_OBJECT, FIELD_REQUIRED, .shape = &shape_all_rejected_detail, .doc = "Why."},
    {"ok", FIELD_BOOL, .doc = "false."},
    {"queued", FIELD_INT, .max = INT64_MAX, .doc = "0."},
    {"rejected", FIELD_LIST, .shape = &shape_rejected, .doc = "The messages."},
    {0},
};
static const struct shape shape_all_rejected = {"AllRejected", "No message is stored.",
                                                .fields = shapes_all_rejected_fields};
const struct answer shapes_answers_messages_added[] = {
    {200, "Stored and committed, but for what is in rejected.", &shape_added},
    {400, "Too many messages, or every one of them is rejected for what it is.",
     &shape_all_rejected},
    {0},
};

/* ---- delete-messages ---- */

static const struct field shapes_ids_fields[] = {
    {"tenant_id", FIELD_TEXT, .max = SHAPES_ID_OCTETS, .doc = "Whose."},
    {"ids", FIELD_TEXTS, .doc = "Ids of messages; empty and repeated ones are ignored."},
    {0},
};
const struct shape shape_messages_ids = {"MessageIds", "Messages to delete.", true,
                                         shapes_ids_fields};
static const struct field shapes_deleted_fields[] = {
    SHAPES_OK,
    {"removed", FIELD_INT, FIELD_REQUIRED, .max = INT64_MAX, .doc = "So many are gone."},
    {"not_found", FIELD_TEXTS, FIELD_REQUIRED, .doc = "Ids that do not exist."},
    {"unauthorized", FIELD_TEXTS, FIELD_REQUIRED, .doc = "Always empty."},
    {"busy", FIELD_TEXTS, .doc = "Ids that a worker is sending at this moment: not removed."},
    {0},
};
static const struct shape shape_deleted = {"Deleted", "What became of the ids.",
                                           .fields = shapes_deleted_fields};
const struct answer shapes_answers_messages_deleted[] = {
    {200, "What became of the ids.", &shape_deleted},
    {0},
};

/* ---- cleanup-messages ---- */

/* clang-format off */
static const struct field shapes_cleanup_fields[] = {
    {"tenant_id", FIELD_TEXT, .max = SHAPES_ID_OCTETS, .doc = "Whose."},
    {"older_than_seconds", FIELD_INT, .min = INT64_MIN, .max = INT64_MAX,
     .doc = "Seconds since the last acknowledgement, in whole seconds; less than 0: 0. Default: "
            "GMP_DELIVERY_REPORT_RETENTION_SECONDS."},
    {0},
};
/* clang-format on */
const struct shape shape_cleanup = {"Cleanup", "How old is old.", true, shapes_cleanup_fields};
static const struct field shapes_cleaned_fields[] = {
    SHAPES_OK,
    {"removed", FIELD_INT, FIELD_REQUIRED, .max = INT64_MAX, .doc = "So many are gone."},
    {0},
};
static const struct shape shape_cleaned = {"Cleaned", "What is gone.",
                                           .fields = shapes_cleaned_fields};
const struct answer shapes_answers_cleanup[] = {{200, "What is gone.", &shape_cleaned}, {0}};

/* ---- the list ---- */

static const char *const shapes_statuses[] = {"pending", "deferred", "sending",
                                              "sent",    "error",    NULL};
/* clang-format off */
const struct field shapes_query_messages[] = {
    SHAPES_QUERY_TENANT,
    {"account_id", FIELD_TEXT, .max = SHAPES_FILTER_OCTETS, .doc = "Only of this account."},
    {"batch_code", FIELD_TEXT, .max = SHAPES_FILTER_OCTETS, .doc = "Only of this batch."},
    {"status", FIELD_TEXT, .labels = shapes_statuses, .doc = "Only in this state."},
    {"search", FIELD_TEXT,
     .doc = "Only the message of this id; where there is none, of this Message-ID, or with this text in its subject or a "
            "recipient's address, in upper or lower case."},
    {"active_only", FIELD_BOOL, .doc = "Only what is neither sent nor an error."},
    {"include_history", FIELD_BOOL, .doc = "With each message's events."},
    {"limit", FIELD_INT, .min = 1, .max = INT64_MAX, .doc = "At most so many; default: all."},
    {"after", FIELD_TEXT, .max = SHAPES_FILTER_OCTETS, .doc = "The `next` of the page before."},
    {0},
};
static const struct field shapes_event_fields[] = {
    {"event_id", FIELD_INT, FIELD_REQUIRED, .max = INT64_MAX, .doc = "Ascending."},
    {"event_type", FIELD_TEXT, FIELD_REQUIRED, .doc = "sent, error, deferred, bounce, pec_*."},
    {"event_ts", FIELD_INT, FIELD_REQUIRED, .max = INT64_MAX,
     .doc = "When it happened; for deferred: when the next attempt is due."},
    {"description", FIELD_TEXT, .doc = "The reason."},
    {"metadata", FIELD_ANY, .doc = "What else is known, as the refused recipients."},
    {"reported_ts", FIELD_INT, .max = INT64_MAX, .doc = "When the tenant acknowledged it."},
    {0},
};
static const struct shape shape_event = {"Event", "Something that happened to a message.",
                                         .fields = shapes_event_fields};
static const struct shape shape_content = {"MessageContent", "The message as the client sent it.", true, NULL};
static const struct field shapes_message_fields[] = {
    {"pk", FIELD_TEXT, FIELD_REQUIRED, .doc = "The service's own key."},
    {"id", FIELD_TEXT, FIELD_REQUIRED, .doc = "The client's id."},
    {"tenant_id", FIELD_TEXT, FIELD_REQUIRED, .doc = "Its tenant."},
    {"tenant_name", FIELD_TEXT, .doc = "The tenant's name."},
    {"account_id", FIELD_TEXT, FIELD_REQUIRED, .doc = "Its account."},
    {"priority", FIELD_INT, FIELD_REQUIRED, .max = 3, .doc = "0 to 3."},
    {"batch_code", FIELD_TEXT, .doc = "Its batch."},
    {"status", FIELD_TEXT, FIELD_REQUIRED, .labels = shapes_statuses, .doc = "Where it stands."},
    {"deferred_ts", FIELD_INT, .max = INT64_MAX, .doc = "While it waits for a time: until when."},
    {"deferred_reason", FIELD_TEXT, .doc = "While it waits: why."},
    {"sent_ts", FIELD_INT, .max = INT64_MAX, .doc = "When the relay took it."},
    {"error_ts", FIELD_INT, .max = INT64_MAX, .doc = "When it became an error."},
    {"error", FIELD_TEXT, .doc = "Why it is an error."},
    {"reported_ts", FIELD_INT, .max = INT64_MAX, .doc = "When the tenant acknowledged all of it."},
    {"bounce_ts", FIELD_INT, .max = INT64_MAX, .doc = "When it bounced."},
    {"bounce_type", FIELD_TEXT, .doc = "hard or soft."},
    {"bounce_code", FIELD_TEXT, .doc = "The bounce's status code."},
    {"bounce_reason", FIELD_TEXT, .doc = "The bounce's text."},
    {"created_at", FIELD_TEXT, FIELD_REQUIRED, .doc = "ISO 8601, UTC."},
    {"updated_at", FIELD_TEXT, FIELD_REQUIRED, .doc = "ISO 8601, UTC."},
    {"is_pec", FIELD_BOOL, FIELD_REQUIRED, .doc = "Sent through an account of certified mail."},
    {"message", FIELD_OBJECT, FIELD_REQUIRED, .shape = &shape_content,
     .doc = "With the normalised priority, and retry_count after a retry; what an attachment brought along is "
            "replaced by its size."},
    {"history", FIELD_LIST, .shape = &shape_event, .doc = "Its events, where asked for."},
    {0},
};
/* clang-format on */
const struct shape shape_message = {"Message", "A message.", .fields = shapes_message_fields};
static const struct field shapes_messages_fields[] = {
    SHAPES_OK,
    {"messages", FIELD_LIST, FIELD_REQUIRED, .shape = &shape_message,
     .doc = "By priority, acceptance and id."},
    {"next", FIELD_TEXT,
     .doc = "Where there are more than `limit`, or more to search: give it as `after`."},
    {0},
};
static const struct shape shape_messages = {"Messages", "Messages.",
                                            .fields = shapes_messages_fields};
const struct answer shapes_answers_messages[] = {{200, "The messages.", &shape_messages}, {0}};
