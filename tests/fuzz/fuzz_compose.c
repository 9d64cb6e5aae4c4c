/*
 * Any JSON is composed or refused, and what is composed keeps its promises: CRLF line ends only, no
 * line over 998 octets, no Bcc field, raw UTF-8 in the header at most, and only when the mail says
 * so.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/json.h"
#include "worker/compose/compose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_check(bool holds)
{
    if (!holds)
        abort();
}

static void fuzz_check_octets(const struct mail *mail)
{
    const char *data = mail->data.data;
    bool in_header = true;
    size_t start = 0;

    fuzz_check(mail->data.len >= 2 && !memcmp(data + mail->data.len - 2, "\r\n", 2));
    for (size_t i = 0; i < mail->data.len; i++) {
        fuzz_check(data[i] != '\0');
        fuzz_check((data[i] & 0x80) == 0 || (in_header && mail->has_8bit));
        if (data[i] == '\r')
            fuzz_check(i + 1 < mail->data.len && data[i + 1] == '\n');
        if (data[i] != '\n')
            continue;
        fuzz_check(i > 0 && data[i - 1] == '\r');
        size_t octets = i - 1 - start;
        fuzz_check(octets <= 998);
        fuzz_check(!in_header || octets < 4 || strncasecmp(data + start, "bcc:", 4) != 0);
        in_header = in_header && octets > 0;
        start = i + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    struct json_syntax_error syntax;
    cJSON *content = NULL;
    struct mail *mail = NULL;

    if (!ready)
        compose_init();
    ready = true;
    if (json_parse((const char *)data, size, &content, &syntax, NULL))
        return 0;
    const cJSON *name = json_get_value(content, "filename"),
                *type = json_get_value(content, "mime_type");
    const struct compose_attachment attachment = {
        .filename = cJSON_IsString(name) ? name->valuestring : "a.txt",
        .mime_type = cJSON_IsString(type) ? type->valuestring : NULL,
        .octets = data,
        .len = size,
    };
    const struct compose_input input = {
        .content = content,
        .message_id = "m1",
        .mime_message_id = "<m1@mailproxy>",
        .attachments = &attachment,
        .attachment_count = name ? 1 : 0,
        .max_octets = 16 * 1024 * 1024,
    };
    if (!compose_mail(&input, &mail, NULL)) {
        fuzz_check(mail->recipient_count > 0);
        fuzz_check_octets(mail);
        mail_free(mail);
    }
    cJSON_Delete(content);
    return 0;
}
