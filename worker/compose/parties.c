/*
 * parties.c - address fields into lists, lists into an envelope. See parties.h.
 */
#include "worker/compose/parties.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"

void parties_clear(struct parties *p)
{
    address_list_clear(&p->from);
    address_list_clear(&p->to);
    address_list_clear(&p->cc);
    address_list_clear(&p->bcc);
    address_list_clear(&p->reply_to);
}

/* "is not an address" -> "invalid to: is not an address"; other failures pass as they are. */
static enum err parties_name_field(enum err rc, const char *field, const struct error *cause,
                                   struct error *err)
{
    if (rc == ERR_INPUT)
        return error_set(err, rc, "invalid %s: %s", field, cause->text);
    return error_set(err, rc, "%s", cause->text);
}

/* A field is a comma-separated string or an array of such strings; absent and null mean nobody. */
static enum err parties_read_list(const cJSON *content, const char *field,
                                  struct address_list *list, struct error *err)
{
    const cJSON *value = json_get_value(content, field);
    const cJSON *first = cJSON_IsArray(value) ? value->child : value;
    struct error cause = {0};

    for (const cJSON *item = first; item; item = item == value ? NULL : item->next) {
        if (cJSON_IsNull(item))
            continue;
        if (!cJSON_IsString(item))
            return error_set(err, ERR_INPUT, "invalid %s: is not text", field);
        enum err rc = address_list_parse(item->valuestring, list, &cause);
        if (rc)
            return parties_name_field(rc, field, &cause, err);
    }
    return ERR_OK;
}

enum err parties_read(const cJSON *content, struct parties *ret, struct error *err)
{
    struct parties parties = {0};
    const struct {
        const char *field;
        struct address_list *list;
    } fields[] = {
        {"from", &parties.from},
        {"to", &parties.to},
        {"cc", &parties.cc},
        {"bcc", &parties.bcc},
        {"reply_to", &parties.reply_to},
    };
    enum err rc = ERR_OK;

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && !rc; i++)
        rc = parties_read_list(content, fields[i].field, fields[i].list, err);
    if (!rc && parties.from.count != 1)
        rc = error_set(err, ERR_INPUT,
                       parties.from.count ? "invalid from: is more than one address"
                                          : "missing from");
    if (rc)
        goto out;
    *ret = parties;
    parties = (struct parties){0};
out:
    parties_clear(&parties);
    return rc;
}

/* The reverse-path: return_path when given ("" and "<>": the null one), else the address of from.
 */
static enum err parties_read_sender(const struct parties *p, const cJSON *content,
                                    struct mail *mail, struct error *err)
{
    const cJSON *return_path = json_get_value(content, "return_path");
    struct error cause = {0};

    if (return_path) {
        if (!cJSON_IsString(return_path))
            return error_set(err, ERR_INPUT, "invalid return_path: is not text");
        enum err rc = address_parse_path(return_path->valuestring, &mail->sender,
                                         &mail->sender_ascii, &cause);
        if (rc)
            return parties_name_field(rc, "return_path", &cause, err);
        /* The From field holds it as it is: the message needs SMTPUTF8 whatever the return path. */
        if (!p->from.items[0].local_is_ascii)
            mail->sender_ascii = false;
        return ERR_OK;
    }
    mail->sender = address_to_path(&p->from.items[0]);
    mail->sender_ascii = p->from.items[0].local_is_ascii;
    return mail->sender ? ERR_OK : error_set(err, ERR_NOMEM, "out of memory for the sender");
}

/* Put the settled addresses into `seen`: they are as good as listed already. */
static enum err parties_skip_settled(const char *settled, GHashTable *seen, struct error *err)
{
    struct json_syntax_error syntax;
    cJSON *array = NULL;
    const cJSON *item;

    if (!settled)
        return ERR_OK;
    enum err rc = json_parse(settled, strlen(settled), &array, &syntax, err);
    if (rc)
        return rc;
    cJSON_ArrayForEach(item, array)
    {
        const cJSON *address = json_get_value(item, "address");
        if (cJSON_IsString(address))
            g_hash_table_add(seen, g_strdup(address->valuestring));
    }
    cJSON_Delete(array);
    return ERR_OK;
}

static enum err parties_add_recipients(const struct address_list *list, GHashTable *seen,
                                       struct mail *mail, struct error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        char *path = address_to_path(&list->items[i]);
        if (!path)
            return error_set(err, ERR_NOMEM, "out of memory for a recipient");
        if (!g_hash_table_add(seen, g_strdup(path))) {
            free(path);
            continue;
        }
        mail->recipients[mail->recipient_count++] =
            (struct mail_recipient){.address = path, .ascii = list->items[i].local_is_ascii};
    }
    return ERR_OK;
}

enum err parties_address_mail(const struct parties *p, const cJSON *content, const char *settled,
                              struct mail *mail, struct error *err)
{
    size_t most = p->to.count + p->cc.count + p->bcc.count;
    GHashTable *seen;

    if (!most)
        return error_set(err, ERR_INPUT, "missing to");
    enum err rc = parties_read_sender(p, content, mail, err);
    if (rc)
        return rc;
    mail->recipients = calloc(most, sizeof(*mail->recipients));
    if (!mail->recipients)
        return error_set(err, ERR_NOMEM, "out of memory for %zu recipients", most);
    seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    rc = parties_skip_settled(settled, seen, err);
    if (!rc)
        rc = parties_add_recipients(&p->to, seen, mail, err);
    if (!rc)
        rc = parties_add_recipients(&p->cc, seen, mail, err);
    if (!rc)
        rc = parties_add_recipients(&p->bcc, seen, mail, err);
    if (!rc && !mail->recipient_count)
        rc = error_set(err, ERR_INPUT, "every recipient is settled already");
    g_hash_table_destroy(seen);
    return rc;
}
