/*
 * page.c - the web page: GET / and the files it loads.
 *
 * Whoever comes may have them: they hold nothing, and what the page shows it asks of the API with
 * the token that was typed into it. The headers keep it that way: the browser runs and styles with
 * nothing but these files, sends nothing elsewhere, and shows the page in no frame (CSP3).
 */
#include <string.h>

#include "server/page/files.h"
#include "server/routes/routes.h"

static void page_answer(const struct file *file, struct reply *reply)
{
    static const struct {
        const char *name, *value;
    } headers[] = {
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
         "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
         "require-trusted-types-for 'script'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        reply_header(reply, headers[i].name, headers[i].value);
    file_answer(file, reply);
}

static void page_find(const struct file *files, const char *name, struct reply *reply)
{
    for (const struct file *f = files; f->name; f++) {
        if (strcmp(f->name, name) != 0)
            continue;
        page_answer(f, reply);
        return;
    }
    reply_detail(reply, 404, "Not Found");
}

void page_get(struct request *req, struct reply *reply)
{
    (void)req;
    page_answer(&page_index, reply);
}

void page_get_script(struct request *req, struct reply *reply)
{
    page_find(page_scripts, value_text(req->params, "script"), reply);
}

void page_get_style(struct request *req, struct reply *reply)
{
    page_find(page_styles, value_text(req->params, "style"), reply);
}
