/*
 * rules_preview.c - POST /commands/rules/preview: what rules come to, over a week.
 *
 * The database says it, hour by hour, by the function that decides the polling itself
 * (mailproxy.interval_by_rules()); here hours that are alike become one slot.
 */
#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "server/http/object.h"
#include "server/routes/routes.h"
#include "server/routes/shapes.h"
#include "sql/statements.h"

enum {
    RULES_PREVIEW_MAX = 200,
    RULES_PREVIEW_TOLD_MAX = 20,
    RULES_PREVIEW_OCTETS_MAX = 16 * 1024 * 1024, /* each with a thousand days */
    RULES_PREVIEW_HOUR_MIN = 60,
};

/* The columns of preview_rules, in order. */
enum rules_preview_column { RULES_PREVIEW_WEEKDAY, RULES_PREVIEW_HOUR, RULES_PREVIEW_INTERVAL_S };

/* Every rule by the shape of one that is added. false: answered already. */
static bool rules_preview_check(const cJSON *body, const cJSON *rules, struct reply *reply)
{
    struct fields f = fields_of("body", body);
    int count = cJSON_GetArraySize(rules);
    uint32_t at = 0;
    const cJSON *rule;
    char msg[100];
    bool fine;

    if (count > RULES_PREVIEW_MAX) {
        snprintf(msg, sizeof(msg), "List should have at most %d items after validation, not %d",
                 RULES_PREVIEW_MAX, count);
        fields_fail(&f, "rules", "too_long", msg, NULL, NULL);
    } else {
        cJSON_ArrayForEach(rule, rules)
        {
            f.list = "rules";
            f.list_item = at++;
            fields_look_at(&f, "body", rule);
            shape_check(&f, shape_rule_new.fields);
            if (fields_failed(&f) && at >= RULES_PREVIEW_TOLD_MAX)
                break;
        }
    }
    fine = !fields_failed(&f);
    if (!fine)
        reply_fields(reply, &f);
    fields_clear(&f);
    return fine;
}

static void rules_preview_append_days(struct object *o, const cJSON *days)
{
    const cJSON *day;
    int64_t number;

    object_key(o, "days");
    buf_append_char(o->out, '[');
    cJSON_ArrayForEach(day, days)
    {
        if (day != days->child)
            buf_append_char(o->out, ',');
        if (json_to_nearest_int(day, &number))
            buf_printf(o->out, "%lld", (long long)number);
    }
    buf_append_char(o->out, ']');
}

/* A rule as its row would be, the `number`th. */
static void rules_preview_append_rule(const cJSON *rule, int64_t number, struct buf *out)
{
    struct object o = object_open(out);

    object_int(&o, "rule_id", number);
    object_int(&o, "priority", number);
    object_bool(&o, "enabled", value_bool(rule, "enabled", true));
    rules_preview_append_days(&o, json_get_value(rule, "days"));
    if (value_has(rule, "start_hour"))
        object_int(&o, "start_hour", value_int(rule, "start_hour", 0));
    if (value_has(rule, "end_hour"))
        object_int(&o, "end_hour", value_int(rule, "end_hour", 0));
    object_bool(&o, "cross_midnight", value_bool(rule, "cross_midnight", false));
    object_int(&o, "interval_minutes", value_int(rule, "interval_minutes", 1));
    object_close(&o);
}

static void rules_preview_append_rules(const cJSON *rules, struct buf *out)
{
    const cJSON *rule;
    int64_t number = 0;

    buf_append_char(out, '[');
    cJSON_ArrayForEach(rule, rules)
    {
        if (number)
            buf_append_char(out, ',');
        rules_preview_append_rule(rule, number++, out);
    }
    buf_append_char(out, ']');
}

/* Is this hour one slot with the one before? */
static bool rules_preview_goes_on(const PGresult *res, int row)
{
    const char *now = db_str(res, row, RULES_PREVIEW_INTERVAL_S);
    const char *before = db_str(res, row - 1, RULES_PREVIEW_INTERVAL_S);

    return db_int(res, row, RULES_PREVIEW_WEEKDAY) == db_int(res, row - 1, RULES_PREVIEW_WEEKDAY) &&
           (now && before ? !strcmp(now, before) : now == before);
}

static void rules_preview_append_slot(const PGresult *res, int from, int to, struct buf *out)
{
    struct object o = object_open(out);

    object_int(&o, "weekday", db_int(res, from, RULES_PREVIEW_WEEKDAY));
    object_int(&o, "from_minute", db_int(res, from, RULES_PREVIEW_HOUR) * RULES_PREVIEW_HOUR_MIN);
    object_int(&o, "to_minute", (db_int(res, to, RULES_PREVIEW_HOUR) + 1) * RULES_PREVIEW_HOUR_MIN);
    object_raw(&o, "interval_seconds", db_str(res, from, RULES_PREVIEW_INTERVAL_S));
    object_close(&o);
}

static void rules_preview_answer(const PGresult *res, const char *time_zone, struct buf *out)
{
    struct object o = object_open(out);
    int from = 0;

    object_bool(&o, "ok", true);
    object_text(&o, "time_zone", time_zone);
    object_key(&o, "slots");
    buf_append_char(out, '[');
    for (int row = 1; row <= PQntuples(res); row++) {
        if (row < PQntuples(res) && rules_preview_goes_on(res, row))
            continue;
        if (from)
            buf_append_char(out, ',');
        rules_preview_append_slot(res, from, row - 1, out);
        from = row;
    }
    buf_append_char(out, ']');
    object_close(&o);
}

void rules_preview(struct request *req, struct reply *reply)
{
    const cJSON *rules = json_get_value(req->body, "rules");
    struct buf text = BUF_INIT(RULES_PREVIEW_OCTETS_MAX);
    struct db_params p = {0};
    struct db_conn *db;
    PGresult *res = NULL;
    struct error err;
    enum err rc;

    if (rules && !rules_preview_check(req->body, rules, reply))
        return;
    if (rules)
        rules_preview_append_rules(rules, &text);
    db_param_text(&p, rules ? text.data : NULL);
    db_param_int(&p, req->context->config->sync_interval);
    rc = buf_check(&text, "the rules", &err);
    if (!rc)
        rc = request_db(req, &db, &err);
    if (!rc)
        rc = db_run(db, &SQL_PREVIEW_RULES, &p, &res, &err);
    if (rc)
        reply_error(reply, &err);
    else
        rules_preview_answer(res, req->context->config->timezone, reply_json(reply, 200));
    PQclear(res);
    buf_clear(&text);
}
