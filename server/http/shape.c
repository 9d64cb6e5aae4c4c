/*
 * shape.c - hold objects against tables. See shape.h.
 *
 * Types and messages of the errors are those of pydantic, which served this API before: clients
 * show them.
 */
#include "server/http/shape.h"

#include <stdio.h>
#include <string.h>

#include "common/json.h"

enum { SHAPE_TEXT_OCTETS_MAX = 1024, SHAPE_LABELS_OCTETS = 256, SHAPE_ITEMS_TOLD_MAX = 20 };

/* ---- texts ---- */

static const char *shape_why_no_line(const char *text, unsigned char first)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < first || *p == 0x7f)
            return first > ' ' ? "contains a space or a control character"
                               : "contains a control character";
    return NULL;
}

/* 'a', 'b' or 'c'. */
static void shape_append_labels(struct buf *out, const char *const *labels)
{
    for (size_t i = 0; labels[i]; i++)
        buf_printf(out, "%s'%s'", i == 0 ? "" : labels[i + 1] ? ", " : " or ", labels[i]);
}

static void shape_fail_labels(struct fields *f, const struct field *field, const cJSON *item)
{
    struct buf words = BUF_INIT(SHAPE_LABELS_OCTETS), msg = BUF_INIT(SHAPE_LABELS_OCTETS),
               ctx = BUF_INIT(SHAPE_LABELS_OCTETS);

    shape_append_labels(&words, field->labels);
    buf_printf(&msg, "Input should be %s", words.data);
    buf_printf(&ctx, "{\"expected\":\"%s\"}", words.data);
    if (!words.failed && !msg.failed && !ctx.failed)
        fields_fail(f, field->name, "enum", msg.data, item, ctx.data);
    else
        fields_refuse(f, field->name, "is none of the words that are known");
    buf_clear(&words);
    buf_clear(&msg);
    buf_clear(&ctx);
}

static bool shape_check_labels(struct fields *f, const struct field *field, const cJSON *item)
{
    for (size_t i = 0; field->labels && *item->valuestring; i++) {
        if (!field->labels[i]) {
            shape_fail_labels(f, field, item);
            return false;
        }
        if (!strcmp(field->labels[i], item->valuestring))
            break;
    }
    return true;
}

static bool shape_check_text(struct fields *f, const struct field *field, const cJSON *item)
{
    long long max = field->max ? (long long)field->max : SHAPE_TEXT_OCTETS_MAX;
    const char *why;
    char msg[80], ctx[40];

    if (!cJSON_IsString(item)) {
        fields_fail(f, field->name, "string_type", "Input should be a valid string", item, NULL);
        return false;
    }
    if ((field->flags & FIELD_NOT_EMPTY) && !*item->valuestring) {
        fields_fail(f, field->name, "string_too_short", "String should have at least 1 character",
                    item, "{\"min_length\":1}");
        return false;
    }
    if (strlen(item->valuestring) > (size_t)max) {
        snprintf(msg, sizeof(msg), "String should have at most %lld octets", max);
        snprintf(ctx, sizeof(ctx), "{\"max_length\":%lld}", max);
        fields_fail(f, field->name, "string_too_long", msg, item, ctx);
        return false;
    }
    why = json_check_text(item->valuestring);
    if (!why && field->type == FIELD_LINE)
        why = shape_why_no_line(item->valuestring, ' ');
    if (!why && field->type == FIELD_URL_PART)
        why = shape_why_no_line(item->valuestring, ' ' + 1);
    if (why)
        fields_refuse(f, field->name, why);
    return !why && shape_check_labels(f, field, item);
}

/* ---- numbers ---- */

static bool shape_check_int(struct fields *f, const struct field *field, const cJSON *item)
{
    bool bounded = field->min != INT64_MIN || field->max != INT64_MAX;
    int64_t value, exact;
    char msg[80], ctx[40];
    bool low;

    if (!json_to_nearest_int(item, &value)) {
        fields_fail(f, field->name, "int_parsing",
                    "Input should be a valid integer, unable to parse string as an integer", item,
                    NULL);
        return false;
    }
    if (value >= field->min && value <= field->max && (!bounded || json_to_int(item, &exact)))
        return true;
    low = value < field->min;
    snprintf(msg, sizeof(msg), "Input should be %s than or equal to %lld", low ? "greater" : "less",
             (long long)(low ? field->min : field->max));
    snprintf(ctx, sizeof(ctx), "{\"%s\":%lld}", low ? "ge" : "le",
             (long long)(low ? field->min : field->max));
    fields_fail(f, field->name, low ? "greater_than_equal" : "less_than_equal", msg, item, ctx);
    return false;
}

static bool shape_check_bool(struct fields *f, const struct field *field, const cJSON *item)
{
    bool ignored;

    if (json_to_bool(item, &ignored))
        return true;
    fields_fail(f, field->name, "bool_parsing",
                "Input should be a valid boolean, unable to interpret input", item, NULL);
    return false;
}

/* ---- objects and lists ---- */

static bool shape_check_object(struct fields *f, const struct field *field, const cJSON *item)
{
    const char *why;

    if (!cJSON_IsObject(item)) {
        fields_fail(f, field->name, "dict_type", "Input should be a valid dictionary", item, NULL);
        return false;
    }
    why = fields_check_texts(item);
    if (why)
        fields_refuse(f, field->name, why);
    return !why;
}

static bool shape_check_list(struct fields *f, const struct field *field, const cJSON *item)
{
    if (cJSON_IsArray(item))
        return true;
    fields_fail(f, field->name, "list_type", "Input should be a valid list", item, NULL);
    return false;
}

/* What FIELD_TEXTS holds. */
static bool shape_check_text_item(struct fields *f, const struct field *field, const cJSON *item)
{
    const char *why;

    if (!cJSON_IsString(item)) {
        fields_fail(f, field->name, "string_type", "Input should be a valid string", item, NULL);
        return false;
    }
    why = json_check_text(item->valuestring);
    if (why)
        fields_refuse(f, field->name, why);
    return !why;
}

/* Every item by itself; the first ones that do not fit are told. */
static bool shape_check_items(struct fields *f, const struct field *field, const cJSON *array)
{
    bool texts = field->type == FIELD_TEXTS;
    uint32_t told = 0, at = 0;
    const cJSON *item;

    cJSON_ArrayForEach(item, array)
    {
        f->item = ++at;
        told += !(texts ? shape_check_text_item : shape_check_int)(f, field, item);
        if (told == SHAPE_ITEMS_TOLD_MAX)
            break;
    }
    f->item = 0;
    return told == 0;
}

static bool shape_check_ints(struct fields *f, const struct field *field, const cJSON *array)
{
    int count = cJSON_GetArraySize(array);
    char msg[100], ctx[80];

    if (count <= (int)field->count)
        return shape_check_items(f, field, array);
    snprintf(msg, sizeof(msg), "List should have at most %u items after validation, not %d",
             field->count, count);
    snprintf(ctx, sizeof(ctx), "{\"field_type\":\"List\",\"max_length\":%u,\"actual_length\":%d}",
             field->count, count);
    fields_fail(f, field->name, "too_long", msg, array, ctx);
    return false;
}

static bool shape_check_type(struct fields *f, const struct field *field, const cJSON *item)
{
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_LINE:
    case FIELD_URL_PART:
        return shape_check_text(f, field, item);
    case FIELD_TEXTS:
        return shape_check_list(f, field, item) && shape_check_items(f, field, item);
    case FIELD_INT:
        return shape_check_int(f, field, item);
    case FIELD_INTS:
        return shape_check_list(f, field, item) && shape_check_ints(f, field, item);
    case FIELD_BOOL:
        return shape_check_bool(f, field, item);
    case FIELD_OBJECT:
        return shape_check_object(f, field, item);
    case FIELD_LIST:
        return shape_check_list(f, field, item);
    case FIELD_NUMBER:
    case FIELD_ANY:
        break;
    }
    return true;
}

static void shape_check_field(struct fields *f, const struct field *field)
{
    const cJSON *item = json_get_value(f->object, field->name);
    const char *why;

    if (!item) {
        if (field->flags & FIELD_REQUIRED)
            fields_fail(f, field->name, "missing", "Field required", f->object, NULL);
        return;
    }
    if (!shape_check_type(f, field, item) || !field->check)
        return;
    why = field->check(item);
    if (why)
        fields_refuse(f, field->name, why);
}

void shape_check(struct fields *f, const struct field *fields)
{
    if (!cJSON_IsObject(f->object))
        return; /* fields_of() has said so */
    for (const struct field *field = fields; field && field->name; field++)
        shape_check_field(f, field);
}

/* ---- reading what was checked ---- */

const char *value_text(const cJSON *object, const char *name)
{
    const cJSON *item = json_get_value(object, name);

    return cJSON_IsString(item) ? item->valuestring : NULL;
}

const char *value_given(const cJSON *object, const char *name)
{
    const char *text = value_text(object, name);

    return text && *text ? text : NULL;
}

int64_t value_int(const cJSON *object, const char *name, int64_t otherwise)
{
    const cJSON *item = json_get_value(object, name);
    int64_t value = otherwise;

    return item && json_to_nearest_int(item, &value) ? value : otherwise;
}

bool value_bool(const cJSON *object, const char *name, bool otherwise)
{
    const cJSON *item = json_get_value(object, name);
    bool value = otherwise;

    return item && json_to_bool(item, &value) ? value : otherwise;
}

bool value_has(const cJSON *object, const char *name)
{
    return json_get_value(object, name) != NULL;
}

bool value_ints(const cJSON *object, const char *name, struct db_array *ret)
{
    const cJSON *array = json_get_value(object, name);
    const cJSON *number;

    cJSON_ArrayForEach(number, array)
    {
        int64_t value = 0;

        if (json_to_nearest_int(number, &value))
            db_array_int(ret, value);
    }
    return cJSON_IsArray(array);
}
