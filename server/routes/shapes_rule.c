/*
 * shapes_rule.c - the rules that pace the polling, and what they come to. See shapes.h.
 */
#include "server/routes/shapes.h"

enum { SHAPES_HOUR_MAX = 23, SHAPES_DAYS_MAX = 1000, SHAPES_DAY_MIN = 1440 };

static const struct field shapes_rule_new_fields[] = {
    {"name", FIELD_TEXT, .doc = "For people."},
    {"enabled", FIELD_BOOL,
     .doc = "Default true. An enabled rule that is added makes the service active."},
    {"priority", FIELD_INT, .min = INT64_MIN, .max = INT64_MAX,
     .doc = "Ignored: a new rule comes after all others."},
    {"days", FIELD_INTS, .min = INT32_MIN, .max = INT32_MAX, .count = SHAPES_DAYS_MAX,
     .doc = "0 = Monday ... 6 = Sunday, others never match; default: every day."},
    {"start_hour", FIELD_INT, .max = SHAPES_HOUR_MAX,
     .doc = "The first hour of the window; without it or end_hour: all day."},
    {"end_hour", FIELD_INT, .max = SHAPES_HOUR_MAX, .doc = "The first hour after the window."},
    {"cross_midnight", FIELD_BOOL,
     .doc = "Default false. true: the window lasts from start_hour to end_hour of the next day."},
    {"interval_minutes", FIELD_INT, .min = 1, .max = INT32_MAX,
     .doc = "Between two polls of a tenant without news; default 1."},
    {0},
};
const struct shape shape_rule_new = {"RuleNew", "A rule to add: {} is always, every minute.", true,
                                     shapes_rule_new_fields};

static const struct field shapes_rule_change_fields[] = {
    {"enabled", FIELD_BOOL, FIELD_REQUIRED, .doc = "Whether the rule counts."},
    {0},
};
const struct shape shape_rule_change = {"RuleChange", "Switches a rule.", true,
                                        shapes_rule_change_fields};

/* Wider than an id can be: one beyond is an id that there is not. */
const struct field shapes_params_rule[] = {
    {"rule_id", FIELD_INT, FIELD_REQUIRED, .min = INT64_MIN, .max = INT64_MAX,
     .doc = "The rule; an unknown one changes nothing."},
    {0},
};

static const struct field shapes_rule_fields[] = {
    {"id", FIELD_INT, FIELD_REQUIRED, .max = INT32_MAX, .doc = "Given by the service."},
    {"name", FIELD_TEXT, .doc = "For people."},
    {"enabled", FIELD_BOOL, FIELD_REQUIRED, .doc = "Whether it counts."},
    {"priority", FIELD_INT, FIELD_REQUIRED, .min = INT32_MIN, .max = INT32_MAX,
     .doc = "The last rule that matches wins."},
    {"days", FIELD_INTS, FIELD_REQUIRED, .min = INT32_MIN, .max = INT32_MAX,
     .count = SHAPES_DAYS_MAX, .doc = "0 = Monday ... 6 = Sunday; empty: every day."},
    {"start_hour", FIELD_INT, .max = SHAPES_HOUR_MAX, .doc = "The first hour of the window."},
    {"end_hour", FIELD_INT, .max = SHAPES_HOUR_MAX, .doc = "The first hour after the window."},
    {"cross_midnight", FIELD_BOOL, FIELD_REQUIRED,
     .doc = "The window lasts until end_hour of the next day."},
    {"interval_minutes", FIELD_INT, FIELD_REQUIRED, .min = 1, .max = INT32_MAX,
     .doc = "Between two polls of a tenant without news."},
    {0},
};
static const struct shape shape_rule = {"Rule", "A rule, by the hours of GMP_TIMEZONE.",
                                        .fields = shapes_rule_fields};

static const struct field shapes_rules_fields[] = {
    SHAPES_OK,
    {"rules", FIELD_LIST, FIELD_REQUIRED, .shape = &shape_rule, .doc = "By priority, then id."},
    {0},
};
static const struct shape shape_rules = {"Rules", "Every rule.", .fields = shapes_rules_fields};
const struct answer shapes_answers_rules[] = {{200, "Every rule, as it is now.", &shape_rules},
                                              {0}};

/* ---- what they come to ---- */

static const struct field shapes_rules_preview_fields[] = {
    {"rules", FIELD_LIST, .shape = &shape_rule_new,
     .doc =
         "At most 200, a later one before an earlier one where both match; default: those that are "
         "stored."},
    {0},
};
const struct shape shape_rules_preview = {"RulesPreview", "Which rules.", true,
                                          shapes_rules_preview_fields};

static const struct field shapes_slot_fields[] = {
    {"weekday", FIELD_INT, FIELD_REQUIRED, .max = 6, .doc = "0 = Monday ... 6 = Sunday."},
    {"from_minute", FIELD_INT, FIELD_REQUIRED, .max = SHAPES_DAY_MIN, .doc = "Of the day."},
    {"to_minute", FIELD_INT, FIELD_REQUIRED, .max = SHAPES_DAY_MIN,
     .doc = "The first one after it; 1440: midnight."},
    {"interval_seconds", FIELD_INT, .max = INT64_MAX,
     .doc = "Between two polls of a tenant without news; left out: no polling."},
    {0},
};
static const struct shape shape_slot = {"Slot", "A part of a day in which nothing changes.",
                                        .fields = shapes_slot_fields};
static const struct field shapes_slots_fields[] = {
    SHAPES_OK,
    {"time_zone", FIELD_TEXT, FIELD_REQUIRED, .doc = "GMP_TIMEZONE, whose hours these are."},
    {"slots", FIELD_LIST, FIELD_REQUIRED, .shape = &shape_slot,
     .doc = "A whole week, from Monday."},
    {0},
};
static const struct shape shape_slots = {"Slots", "How often is polled, over a week.",
                                         .fields = shapes_slots_fields};
const struct answer shapes_answers_rules_preview[] = {{200, "The week.", &shape_slots}, {0}};

/* ---- the tenants' sync ---- */

static const struct field shapes_sync_fields[] = {
    {"id", FIELD_TEXT, FIELD_REQUIRED, .doc = "The tenant's id."},
    {"name", FIELD_TEXT, .doc = "For people."},
    {"active", FIELD_BOOL, FIELD_REQUIRED, .doc = "false: not polled without news."},
    {"client_base_url", FIELD_TEXT, .doc = "Where its web server is."},
    {"last_sync_ts", FIELD_NUMBER,
     .doc = "When it was last called with success; in the future when it asked not to be disturbed "
            "until then."},
    {"next_sync_due", FIELD_BOOL, FIELD_REQUIRED,
     .doc = "It is to be called now: there is news, or the interval is over."},
    {"in_dnd", FIELD_BOOL, FIELD_REQUIRED, .doc = "It asked not to be disturbed, and that holds."},
    {0},
};
static const struct shape shape_sync = {"SyncState", "Where the conversation with a tenant stands.",
                                        .fields = shapes_sync_fields};

static const struct field shapes_sync_status_fields[] = {
    SHAPES_OK,
    {"tenants", FIELD_LIST, FIELD_REQUIRED, .shape = &shape_sync, .doc = "By id."},
    {"sync_interval_seconds", FIELD_INT, .min = 1, .max = INT64_MAX,
     .doc = "Between two polls of a tenant without news, as the rules are at this hour; left out: "
            "no polling."},
    {0},
};
static const struct shape shape_sync_status = {"SyncStatus", "The state of every tenant's sync.",
                                               .fields = shapes_sync_status_fields};
const struct answer shapes_answers_sync_status[] = {{200, "Every tenant.", &shape_sync_status},
                                                    {0}};
