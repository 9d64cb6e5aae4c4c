/*
 * fuzz_reply.c - what a relay may say: replies, one after another, and what EHLO offers in them.
 *
 * Then the same octets answer a whole transaction, which must end with every recipient settled
 * whatever they say.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "worker/send/ehlo.h"
#include "worker/send/reply.h"
#include "worker/send/transaction.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n);

static void fuzz_reply_check(const struct reply *reply)
{
    assert(reply->code >= 200 && reply->code <= 599);
    assert(strlen(reply->text) < sizeof(reply->text) && !utf8_check(reply->text));
    for (const char *p = reply->text; *p; p++)
        assert((unsigned char)*p >= ' ' && *p != 0x7f);
    assert(!reply->status[0] || reply->status[0] == '0' + reply->code / 100);
}

/* The next reply; false: none. */
static bool fuzz_reply_next(const char **at, size_t *left, struct reply *ret)
{
    size_t used = 0;

    if (reply_parse(*at, *left, ret, &used, NULL) || used == 0)
        return false;
    assert(used <= *left);
    fuzz_reply_check(ret);
    *at += used;
    *left -= used;
    return true;
}

static void fuzz_reply_answer(struct transaction *t, const char *at, size_t left)
{
    struct buf out = BUF_INIT(TRANSACTION_OUT_CAP_OCTETS);
    struct reply reply;

    while (t->state != TRANSACTION_DONE) {
        transaction_write(t, &out);
        assert(!out.failed);
        buf_truncate(&out, 0);
        transaction_note_sent(t);
        if (!fuzz_reply_next(&at, &left, &reply) || transaction_is_farewell(t, &reply)) {
            reply_describe(&reply, "cut");
            transaction_break(t, MISHAP_CUT, &reply);
        } else {
            transaction_take_reply(t, &reply);
        }
    }
    buf_clear(&out);
}

static void fuzz_reply_transact(const struct ehlo *ehlo, bool rset, const char *at, size_t left)
{
    struct mail_recipient recipients[] = {
        {"a@example.com", true}, {"\xc3\xbc@example.com", false}, {"b@example.com", true}};
    struct mail mail = {.sender = "s@example.com",
                        .sender_ascii = true,
                        .recipients = recipients,
                        .recipient_count = 3};
    struct transcript *transcript = NULL;
    struct transaction t;

    mail.data = (struct buf)BUF_INIT(100);
    buf_append_str(&mail.data, "Subject: x\r\n\r\n.\r\n");
    if (transcript_new(&mail, &transcript, NULL))
        abort();
    transaction_begin(&t, &mail, transcript, ehlo, rset);
    fuzz_reply_answer(&t, at, left);
    for (size_t i = 0; i < transcript->recipient_count; i++)
        assert(transcript->recipients[i].settled);
    transcript_free(transcript);
    buf_clear(&mail.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
    /* A copy without a NUL behind it, so that a read beyond the end is seen. */
    char *copy = malloc(n ? n : 1);
    const char *at = copy;
    size_t left = n;
    struct reply reply;
    struct ehlo ehlo = {0};

    if (!copy)
        abort();
    if (n)
        memcpy(copy, octets, n);
    if (fuzz_reply_next(&at, &left, &reply))
        ehlo_parse(copy, n - left, &ehlo);
    fuzz_reply_transact(&ehlo, left % 2, at, left);
    free(copy);
    return 0;
}
