#include "worker/send/content.h"

#include <string.h>

void content_begin(struct content *c, const char *octets, size_t len)
{
    *c = (struct content){.octets = octets, .len = len};
}

void content_write(struct content *c, struct buf *out, size_t room)
{
    while (c->at < c->len && room) {
        const char *from = c->octets + c->at;
        size_t left = c->len - c->at < room ? c->len - c->at : room;
        const char *dot = memchr(from, '.', left);
        size_t run = dot ? (size_t)(dot - from) + 1 : left; /* up to and with the next dot */

        buf_append(out, from, run);
        c->at += run;
        room -= run;
        if (dot && (dot == c->octets || dot[-1] == '\n')) {
            buf_append_char(out, '.');
            room -= room > 0;
        }
    }
    if (c->at < c->len || c->ended)
        return;
    if (c->len && c->octets[c->len - 1] != '\n')
        buf_append_str(out, "\r\n");
    buf_append_str(out, ".\r\n");
    c->ended = true;
}
