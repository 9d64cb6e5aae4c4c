/*
 * mail.c - the memory of a mail. See mail.h.
 */
#include "worker/compose/mail.h"

#include <stdlib.h>

void mail_free(struct mail *mail)
{
    if (!mail)
        return;
    for (size_t i = 0; i < mail->recipient_count; i++)
        free(mail->recipients[i].address);
    free(mail->recipients);
    free(mail->sender);
    free(mail->dsn_notify);
    free(mail->dsn_ret);
    free(mail->envelope_id);
    buf_clear(&mail->data);
    free(mail);
}
