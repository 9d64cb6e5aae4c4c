/*
 * compose.c - the fields of a message in their order, then its body. See compose.h.
 */
#include "worker/compose/compose.h"

#include <gmime/gmime.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/json.h"
#include "worker/compose/custom.h"
#include "worker/compose/header.h"
#include "worker/compose/mime.h"
#include "worker/compose/parties.h"

/* What one composition works with; all borrowed but the parties and the custom fields. */
struct compose_work {
    const struct compose_input *input;
    struct parties parties;
    struct custom_fields custom;
    struct mime_body body;
    const char *subject; /* NULL: none */
    struct buf *out;
    size_t header_octets; /* of the header fields, once written */
};

void compose_init(void)
{
    g_mime_init();
}

/* A text field of the message: NULL when absent or null. `in_header`: it may not hold line ends. */
static enum err compose_read_text(const cJSON *content, const char *field, bool in_header,
                                  const char **ret, struct error *err)
{
    const cJSON *value = json_get_value(content, field);

    if (!value) {
        *ret = NULL;
        return ERR_OK;
    }
    if (!cJSON_IsString(value))
        return error_set(err, ERR_INPUT, "invalid %s: is not text", field);
    const char *flaw = json_check_text(value->valuestring);
    if (!flaw && in_header && strpbrk(value->valuestring, "\r\n"))
        flaw = "contains CR or LF";
    if (flaw)
        return error_set(err, ERR_INPUT, "invalid %s: %s", field, flaw);
    *ret = value->valuestring;
    return ERR_OK;
}

static enum err compose_check_attachments(const struct compose_input *input, struct error *err)
{
    for (size_t i = 0; i < input->attachment_count; i++) {
        const struct compose_attachment *a = &input->attachments[i];
        const char *flaw =
            strpbrk(a->filename, "\r\n") ? "contains CR or LF" : json_check_text(a->filename);
        if (flaw)
            return error_set(err, ERR_INPUT, "invalid attachments: a filename %s", flaw);
        if (a->mime_type && strpbrk(a->mime_type, "\r\n"))
            return error_set(err, ERR_INPUT, "invalid attachments: a mime_type contains CR or LF");
    }
    return ERR_OK;
}

static enum err compose_read(const struct compose_input *input, struct compose_work *w,
                             struct error *err)
{
    const char *text = NULL, *type = NULL;
    enum err rc = parties_read(input->content, &w->parties, err);

    if (!rc)
        rc = compose_read_text(input->content, "subject", true, &w->subject, err);
    if (!rc)
        rc = compose_read_text(input->content, "body", false, &text, err);
    if (!rc)
        rc = compose_read_text(input->content, "content_type", false, &type, err);
    if (!rc)
        rc = custom_fields_read(input->content, &w->custom, err);
    if (!rc)
        rc = compose_check_attachments(input, err);
    if (!rc)
        rc = mime_body_plan(text ? text : "", type && !strcmp(type, "html"), input->attachments,
                            input->attachment_count, input->mime_message_id, &w->body, err);
    return rc;
}

/*
 * A custom field that names addresses and holds more than ASCII is written as addresses, so that
 * only display names become encoded-words; as ASCII it is the client's own syntax and stays as it
 * is.
 */
static void compose_write_custom(struct compose_work *w, struct custom_field *field)
{
    static const char *const address_fields[] = {"From", "To", "Cc", "Reply-To", "Sender"};
    struct address_list list = {0};
    struct header_line line;
    bool addresses = false;

    for (size_t i = 0; i < sizeof(address_fields) / sizeof(address_fields[0]); i++)
        addresses = addresses || !strcasecmp(field->name, address_fields[i]);
    addresses = addresses && !g_str_is_ascii(field->value) &&
                address_list_parse(field->value, &list, NULL) == ERR_OK && list.count;
    header_begin(&line, w->out, field->name);
    if (addresses)
        header_put_addresses(&line, &list);
    else
        header_put_text(&line, field->value);
    header_end(&line);
    address_list_clear(&list);
    field->written = true;
}

/* True when the client brings this field itself: then that one is written, here, and ours is not.
 */
static bool compose_write_own(struct compose_work *w, const char *name)
{
    struct custom_field *own = custom_fields_find(&w->custom, name);

    if (own)
        compose_write_custom(w, own);
    return own;
}

static void compose_write_addresses(struct compose_work *w, const char *name,
                                    const struct address_list *list)
{
    struct header_line line;

    if (compose_write_own(w, name) || !list->count)
        return;
    header_begin(&line, w->out, name);
    header_put_addresses(&line, list);
    header_end(&line);
}

static void compose_write_text(struct compose_work *w, const char *name, const char *text)
{
    struct header_line line;

    if (compose_write_own(w, name) || !text)
        return;
    header_begin(&line, w->out, name);
    header_put_text(&line, text);
    header_end(&line);
}

static void compose_write_date(struct compose_work *w)
{
    GDateTime *at = g_date_time_new_from_unix_utc(w->input->created_us / 1000000);
    char *text = at ? g_mime_utils_header_format_date(at) : NULL; /* +0000: RFC 5322 3.3 */

    compose_write_text(w, "Date", text);
    g_free(text);
    if (at)
        g_date_time_unref(at);
}

static void compose_write(struct compose_work *w)
{
    compose_write_addresses(w, "From", &w->parties.from);
    compose_write_addresses(w, "To", &w->parties.to);
    compose_write_text(w, "Subject", w->subject);
    compose_write_addresses(w, "Cc", &w->parties.cc);
    compose_write_addresses(w, "Reply-To", &w->parties.reply_to);
    compose_write_date(w);
    compose_write_text(w, "Message-ID", w->input->mime_message_id);
    mime_append_fields(&w->body, w->out);
    for (size_t i = 0; i < w->custom.count; i++)
        if (!w->custom.items[i].written &&
            strcasecmp(w->custom.items[i].name, "X-Genro-Mail-ID") != 0)
            compose_write_custom(w, &w->custom.items[i]);
    compose_write_text(w, "X-Genro-Mail-ID", w->input->message_id);
    w->header_octets = w->out->len;
    buf_append_str(w->out, "\r\n");
    mime_append_content(&w->body, w->out);
}

/* Do the header fields hold raw UTF-8? Only addresses with a non-ASCII local part do, and nothing
 * in a body does. */
static bool compose_has_8bit(const struct compose_work *w)
{
    for (size_t i = 0; i < w->header_octets; i++)
        if ((unsigned char)w->out->data[i] > 0x7f)
            return true;
    return false;
}

/* What the account wants to hear of the message from whoever takes it (RFC 3461). */
static enum err compose_ask_notification(const struct compose_input *input, struct mail *mail,
                                         struct error *err)
{
    const struct claim_account *a = input->account;

    if (!a || (!a->dsn_notify && !a->dsn_ret))
        return ERR_OK;
    mail->dsn_notify = a->dsn_notify ? strdup(a->dsn_notify) : NULL;
    mail->dsn_ret = a->dsn_ret ? strdup(a->dsn_ret) : NULL;
    mail->envelope_id = strdup(input->message_id);
    if (!mail->envelope_id || (a->dsn_notify && !mail->dsn_notify) ||
        (a->dsn_ret && !mail->dsn_ret))
        return error_set(err, ERR_NOMEM, "out of memory for a mail");
    return ERR_OK;
}

enum err compose_mail(const struct compose_input *input, struct mail **ret, struct error *err)
{
    struct compose_work work = {.input = input};
    struct mail *mail = calloc(1, sizeof(*mail));
    enum err rc;

    if (!mail)
        return error_set(err, ERR_NOMEM, "out of memory for a mail");
    mail->data.cap = input->max_octets;
    work.out = &mail->data;
    rc = compose_read(input, &work, err);
    if (!rc)
        rc = parties_address_mail(&work.parties, input->content, input->settled, mail, err);
    if (!rc)
        rc = compose_ask_notification(input, mail, err);
    if (rc)
        goto out;
    compose_write(&work);
    rc = buf_check(&mail->data, "the message", err);
    if (rc)
        goto out;
    mail->has_8bit = compose_has_8bit(&work);
    *ret = mail;
    mail = NULL;
out:
    parties_clear(&work.parties);
    custom_fields_clear(&work.custom);
    mime_body_clear(&work.body);
    mail_free(mail);
    return rc;
}
