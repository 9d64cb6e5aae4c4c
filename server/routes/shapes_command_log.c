/*
 * shapes_command_log.c - the command log. See shapes.h.
 */
#include "server/routes/shapes.h"

#define SHAPES_QUERY_LOG                                                                           \
    {"tenant_id", FIELD_TEXT, .max = SHAPES_ID_OCTETS, .doc = "Only what concerns this tenant."},  \
        {"since_ts", FIELD_INT, .max = SHAPES_TIME_MAX, .doc = "Not before this second."},         \
    {                                                                                              \
        "until_ts", FIELD_INT, .max = SHAPES_TIME_MAX, .doc = "Not after this second."             \
    }

const struct field shapes_query_command_log[] = {
    SHAPES_QUERY_LOG,
    {"endpoint_filter", FIELD_TEXT, .doc = "Only commands with this in their name."},
    {"limit", FIELD_INT, .min = 1, .max = INT64_MAX,
     .doc = "No more than so many, the oldest; default 100."},
    {0},
};
const struct field shapes_query_command_log_export[] = {SHAPES_QUERY_LOG, {0}};

static const struct field shapes_command_fields[] = {
    {"id", FIELD_INT, FIELD_REQUIRED, .doc = "Rises from command to command."},
    {"command_ts", FIELD_INT, FIELD_REQUIRED, .doc = "When, seconds since the epoch."},
    {"endpoint", FIELD_TEXT, FIELD_REQUIRED, .doc = "The command's name, as addMessages."},
    {"tenant_id", FIELD_TEXT, .doc = "Whom it concerned."},
    {"payload", FIELD_ANY, .doc = "What was asked, without secrets and contents."},
    {"response_status", FIELD_INT, .doc = "200: done. 400: refused."},
    {0},
};
static const struct shape shape_command = {"Command", "A command that was given.",
                                           .fields = shapes_command_fields};
static const struct field shapes_command_log_fields[] = {
    SHAPES_OK,
    {"commands", FIELD_LIST, FIELD_REQUIRED, .shape = &shape_command, .doc = "Oldest first."},
    {"total", FIELD_INT, FIELD_REQUIRED, .doc = "How many are here."},
    {0},
};
static const struct shape shape_command_log = {"CommandLog", "What was asked of the service.",
                                               .fields = shapes_command_log_fields};
const struct answer shapes_answers_command_log[] = {
    {200, "Commands, oldest first; streamed.", &shape_command_log},
    {0},
};

static const struct field shapes_command_export_fields[] = {
    {"endpoint", FIELD_TEXT, FIELD_REQUIRED, .doc = "The command's name."},
    {"tenant_id", FIELD_ANY, FIELD_REQUIRED, .doc = "Whom it concerned, or null."},
    {"payload", FIELD_ANY, FIELD_REQUIRED, .doc = "What was asked, or null."},
    {"command_ts", FIELD_INT, FIELD_REQUIRED, .doc = "When, seconds since the epoch."},
    {0},
};
static const struct shape shape_command_export = {"CommandExported", "A command, nulls kept.",
                                                  .fields = shapes_command_export_fields};
static const struct field shapes_command_log_export_fields[] = {
    SHAPES_OK,
    {"commands", FIELD_LIST, FIELD_REQUIRED, .shape = &shape_command_export,
     .doc = "Oldest first, at most 100,000."},
    {0},
};
static const struct shape shape_command_log_export = {"CommandLogExport",
                                                      "What was asked of the service.",
                                                      .fields = shapes_command_log_export_fields};
const struct answer shapes_answers_command_log_export[] = {
    {200, "Commands, oldest first; streamed.", &shape_command_log_export},
    {0},
};
