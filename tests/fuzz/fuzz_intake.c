/*
 * fuzz_intake.c - an add-messages body of any octets: each draft is rejected for a reason, or what
 * is stored of it is JSON that PostgreSQL takes and within the limits.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "server/intake/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);

static const struct validate_limits fuzz_limits = {
    .max_message_octets = 4096,
    .max_attachment_octets = 1024,
    .default_priority = 2,
};

static void fuzz_intake_check_stored(const struct draft *d)
{
    struct json_syntax_error syntax;
    cJSON *content = NULL;

    assert(d->id && d->account_id && d->mime_message_id);
    assert(!json_check_text(d->id) && strlen(d->id) <= DRAFT_ID_OCTETS_MAX);
    assert(!strpbrk(d->mime_message_id, "\r\n"));
    assert(d->priority >= 0 && d->priority <= 3);
    assert(d->size_octets <= fuzz_limits.max_message_octets);
    assert(!json_check_text(d->content.data));
    if (json_parse(d->content.data, d->content.len, &content, &syntax, NULL))
        abort();
    assert(cJSON_IsObject(content));
    cJSON_Delete(content);
}

static void fuzz_intake_take(const cJSON *messages)
{
    struct draft_batch batch = {0};
    struct error err;

    if (draft_batch_new(messages, &batch, &err))
        abort();
    for (size_t i = 0; i < batch.count; i++) {
        struct draft *d = &batch.items[i];

        draft_identify(d, NULL, i % 2 ? "acme" : NULL);
        if (d->fate == DRAFT_OPEN && validate_draft(d, &fuzz_limits, &err))
            abort();
        if (d->fate == DRAFT_OPEN)
            fuzz_intake_check_stored(d);
        else
            assert(d->fate == DRAFT_REJECTED && *d->reason);
    }
    draft_batch_clear(&batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
    struct json_syntax_error syntax;
    cJSON *body = NULL;

    if (json_parse((const char *)octets, n, &body, &syntax, NULL))
        return 0;
    if (cJSON_IsArray(json_get_value(body, "messages")))
        fuzz_intake_take(json_get_value(body, "messages"));
    cJSON_Delete(body);
    return 0;
}
