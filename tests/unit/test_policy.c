/* test_policy.c - worker/send/policy.h: replies as relays in use give them, and what each means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/send/policy.h"

#define SENT            OUTCOME_SENT, BLAME_NONE
#define DEFERRED(blame) OUTCOME_DEFERRED, BLAME_##blame
#define ERROR(blame)    OUTCOME_ERROR, BLAME_##blame

struct policy_case {
    enum phase phase;
    const char *octets; /* without the last line end */
    enum outcome outcome;
    enum blame blame;
};

static void policy_check_cases(const struct policy_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char octets[1024];
        struct reply reply;
        struct verdict verdict;
        size_t used = 0;

        snprintf(octets, sizeof(octets), "%s\r\n", cases[i].octets);
        assert_int_equal(reply_parse(octets, strlen(octets), &reply, &used, NULL), ERR_OK);
        assert_int_equal(used, strlen(octets));
        verdict = policy_judge(cases[i].phase, MISHAP_NONE, &reply);
        if (verdict.outcome != cases[i].outcome || verdict.blame != cases[i].blame)
            fail_msg("%s: \"%s\" is %s, blame %s", policy_phase_name(cases[i].phase),
                     cases[i].octets, policy_outcome_name(verdict.outcome),
                     policy_blame_name(verdict.blame));
    }
}
#define CHECK(cases) policy_check_cases(cases, sizeof(cases) / sizeof((cases)[0]))

static void test_before_mail_every_refusal_is_the_accounts(void **state)
{
    static const struct policy_case cases[] = {
        {PHASE_GREETING, "220 smtp.gmail.com ESMTP a1-20020a05600c0b4100b003cf57329221sm1 - gsmtp",
         SENT},
        {PHASE_GREETING, "421 4.7.0 Try again later, closing connection. a1-20020a - gsmtp",
         DEFERRED(ACCOUNT)},
        {PHASE_GREETING, "421 4.3.2 Service not available", DEFERRED(ACCOUNT)},
        {PHASE_GREETING, "421 Too many concurrent SMTP connections; please try again later.",
         DEFERRED(ACCOUNT)},
        {PHASE_GREETING,
         "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
         DEFERRED(ACCOUNT)},
        {PHASE_GREETING, "554 smtp.aruba.it ESMTP connection refused", DEFERRED(ACCOUNT)},
        {PHASE_EHLO, "501 5.5.4 Invalid domain name", DEFERRED(ACCOUNT)},
        {PHASE_EHLO, "550 5.7.1 Access denied", DEFERRED(ACCOUNT)},
        {PHASE_STARTTLS, "454 4.7.0 TLS not available due to local problem", DEFERRED(ACCOUNT)},
        {PHASE_STARTTLS, "502 5.5.1 Error: command not implemented", DEFERRED(ACCOUNT)},
        {PHASE_AUTH, "235 2.7.0 Authentication successful", SENT},
        {PHASE_AUTH, "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6",
         DEFERRED(ACCOUNT)}, /* Postfix */
        {PHASE_AUTH,
         "535-5.7.8 Username and Password not accepted. For more information, go to\r\n"
         "535 5.7.8  https://support.google.com/mail/?p=BadCredentials - gsmtp",
         DEFERRED(ACCOUNT)},
        {PHASE_AUTH,
         "534-5.7.9 Application-specific password required. Learn more at\r\n"
         "534 5.7.9  https://support.google.com/mail/?p=InvalidSecondFactor - gsmtp",
         DEFERRED(ACCOUNT)},
        {PHASE_AUTH,
         "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the "
         "Tenant.",
         DEFERRED(ACCOUNT)},
        {PHASE_AUTH,
         "535 5.7.3 Authentication unsuccessful [AM0PR01CA0001.eurprd01.prod.exchangelabs.com]",
         DEFERRED(ACCOUNT)},
        {PHASE_AUTH, "535 Authentication Credentials Invalid", DEFERRED(ACCOUNT)}, /* SES */
        {PHASE_AUTH, "535 Incorrect authentication data", DEFERRED(ACCOUNT)},      /* Exim */
        {PHASE_AUTH, "535 5.7.0 ...authentication rejected", DEFERRED(ACCOUNT)},   /* Aruba */
        {PHASE_AUTH,
         "454 4.7.0 Temporary authentication failure: Connection lost to authentication server",
         DEFERRED(ACCOUNT)},
        {PHASE_AUTH, "454 4.7.0 Too many login attempts, please try again later. - gsmtp",
         DEFERRED(ACCOUNT)},
    };

    (void)state;
    CHECK(cases);
}

static void test_at_mail_the_message_is_judged_unless_the_login_is_meant(void **state)
{
    static const struct policy_case cases[] = {
        {PHASE_MAIL, "250 2.1.0 Sender OK", SENT},
        {PHASE_MAIL, "421 4.3.2 Service shutting down, closing channel", DEFERRED(MESSAGE)},
        {PHASE_MAIL, "421 4.7.0 Try again later, closing connection. (MAIL) a1sm1 - gsmtp",
         DEFERRED(MESSAGE)},
        {PHASE_MAIL, "451 4.3.0 Mail server temporarily rejected message. - gsmtp",
         DEFERRED(MESSAGE)},
        {PHASE_MAIL, "452 4.3.1 Insufficient system storage", DEFERRED(MESSAGE)},
        {PHASE_MAIL, "452 4.3.1 Insufficient system resources (UsedDiskSpace[C:])",
         DEFERRED(MESSAGE)}, /* Exchange */
        {PHASE_MAIL, "501 5.1.7 Bad sender address syntax", ERROR(MESSAGE)},
        {PHASE_MAIL, "552 5.3.4 Message size exceeds fixed limit", ERROR(MESSAGE)},
        {PHASE_MAIL,
         "553 5.7.1 <a@example.com>: Sender address rejected: not owned by user b@example.com",
         ERROR(MESSAGE)},
        {PHASE_MAIL, "553 5.7.1 <a@example.com>: Sender address rejected: not logged in",
         DEFERRED(ACCOUNT)},
        {PHASE_MAIL, "550 5.1.0 Sender rejected", ERROR(MESSAGE)},
        {PHASE_MAIL, "555 5.5.2 Syntax error, cannot decode response. - gsmtp", ERROR(MESSAGE)},
        {PHASE_MAIL,
         "530-5.7.0 Authentication Required. For more information, go to\r\n"
         "530 5.7.0  https://support.google.com/mail/?p=WantAuthError - gsmtp",
         DEFERRED(ACCOUNT)},
        {PHASE_MAIL, "530 5.7.57 Client not authenticated to send mail.", DEFERRED(ACCOUNT)},
        {PHASE_MAIL, "530 5.7.1 Client was not authenticated", DEFERRED(ACCOUNT)},  /* Exchange */
        {PHASE_MAIL, "530 Must issue a STARTTLS command first", DEFERRED(ACCOUNT)}, /* SES */
        {PHASE_MAIL, "530 Authentication required", DEFERRED(ACCOUNT)},             /* SES */
        {PHASE_MAIL, "503 5.5.4 Error: send AUTH command first.", DEFERRED(ACCOUNT)},
        {PHASE_MAIL, "503 5.5.1 Error: need MAIL command", ERROR(MESSAGE)},
        {PHASE_MAIL,
         "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail sending "
         "limits",
         DEFERRED(ACCOUNT)},
        {PHASE_MAIL, "454 Throttling failure: Maximum sending rate exceeded.",
         DEFERRED(ACCOUNT)}, /* SES */
    };

    (void)state;
    CHECK(cases);
}

static void test_at_rcpt_the_recipient_is_judged_alone(void **state)
{
    static const struct policy_case cases[] = {
        {PHASE_RCPT, "250 2.1.5 Ok", SENT},
        {PHASE_RCPT, "251 User not local; will forward to <b@example.org>", SENT},
        {PHASE_RCPT, "252 2.0.0 Cannot VRFY user, but will take message", SENT},
        {PHASE_RCPT, "421 4.4.2 mx.example Error: timeout exceeded", DEFERRED(RECIPIENT)},
        {PHASE_RCPT, "450 4.2.0 <b@example.org>: Recipient address rejected: Greylisted",
         DEFERRED(RECIPIENT)},
        {PHASE_RCPT, "450 4.1.2 <b@nowhere.example>: Recipient address rejected: Domain not found",
         DEFERRED(RECIPIENT)},
        {PHASE_RCPT,
         "451-4.3.0 Multiple destination domains per transaction is unsupported.\r\n"
         "451 4.3.0 Please try again. - gsmtp",
         DEFERRED(RECIPIENT)},
        {PHASE_RCPT, "452 4.2.2 The email account that you tried to reach is over quota.",
         DEFERRED(RECIPIENT)},
        {PHASE_RCPT,
         "550-5.1.1 The email account that you tried to reach does not exist. Please try\r\n"
         "550 5.1.1  https://support.google.com/mail/?p=NoSuchUser - gsmtp",
         ERROR(RECIPIENT)},
        {PHASE_RCPT,
         "550 5.1.1 <b@example.org>: Recipient address rejected: User unknown in virtual mailbox "
         "table",
         ERROR(RECIPIENT)},
        {PHASE_RCPT,
         "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
         ERROR(RECIPIENT)},
        {PHASE_RCPT,
         "550 5.4.1 Recipient address rejected: Access denied. "
         "[AM0EUR01.prod.protection.outlook.com]",
         ERROR(RECIPIENT)},
        {PHASE_RCPT, "550 Unrouteable address", ERROR(RECIPIENT)},   /* Exim */
        {PHASE_RCPT, "550 relay not permitted", ERROR(RECIPIENT)},   /* Exim */
        {PHASE_RCPT, "550 5.7.1 Unable to relay", ERROR(RECIPIENT)}, /* Exchange */
        {PHASE_RCPT, "554 5.7.1 <b@example.org>: Relay access denied",
         ERROR(RECIPIENT)}, /* Postfix */
        {PHASE_RCPT, "553 5.1.3 Invalid mailbox syntax", ERROR(RECIPIENT)},
        {PHASE_RCPT, "550 5.2.1 The email account that you tried to reach is disabled.",
         ERROR(RECIPIENT)},
        {PHASE_RCPT, "550 5.7.1 Authentication Required", DEFERRED(ACCOUNT)}, /* OVH */
        {PHASE_RCPT, "530 5.7.0 Must issue AUTH first", DEFERRED(ACCOUNT)},
        {PHASE_RCPT, "550 SMTP AUTH is required for message submission on port 587",
         DEFERRED(ACCOUNT)},
        {PHASE_RCPT,
         "550 5.1.90 Your message can't be sent because you've reached your daily limit for "
         "message recipients",
         DEFERRED(ACCOUNT)},
        {PHASE_RCPT, "354 what?", DEFERRED(RECIPIENT)},
    };

    (void)state;
    CHECK(cases);
}

static void test_a_full_transaction_is_not_a_full_mailbox(void **state)
{
    static const struct policy_case cases[] = {
        {PHASE_RCPT, "452-4.5.3 Your message has too many recipients.\r\n452 4.5.3 - gsmtp",
         DEFERRED(RECIPIENT)},
        {PHASE_RCPT, "452 4.5.3 Error: too many recipients", DEFERRED(RECIPIENT)}, /* Postfix */
        {PHASE_RCPT, "552 Too many recipients", DEFERRED(RECIPIENT)},              /* RFC 821 */
        {PHASE_RCPT, "552 Requested mail action aborted", DEFERRED(RECIPIENT)},
        {PHASE_RCPT, "550 5.5.3 Too many recipients", DEFERRED(RECIPIENT)}, /* Exchange */
        {PHASE_RCPT, "550 too many recipients (RCPT limit is 100)", DEFERRED(RECIPIENT)}, /* Exim */
        {PHASE_RCPT, "552 5.2.2 Over quota", ERROR(RECIPIENT)},
        {PHASE_RCPT,
         "552 5.2.2 <b@example.org>: Recipient address rejected: Mailbox quota exceeded",
         ERROR(RECIPIENT)},
        {PHASE_RCPT, "552 Requested mail action aborted: exceeded storage allocation",
         ERROR(RECIPIENT)},
        {PHASE_RCPT, "552 Mailbox full", ERROR(RECIPIENT)},
    };

    (void)state;
    CHECK(cases);
}

static void test_from_data_on_the_message_is_judged_unless_the_quota_is_meant(void **state)
{
    static const struct policy_case cases[] = {
        {PHASE_DATA, "354 End data with <CR><LF>.<CR><LF>", SENT},
        {PHASE_DATA, "250 odd", DEFERRED(MESSAGE)},
        {PHASE_DATA, "350 odd", DEFERRED(MESSAGE)},
        {PHASE_DATA, "421 4.4.2 Connection dropped due to SocketError", DEFERRED(MESSAGE)},
        {PHASE_DATA, "451 4.3.0 Error: queue file write error", DEFERRED(MESSAGE)},
        {PHASE_DATA, "554 5.5.1 Error: no valid recipients", ERROR(MESSAGE)},
        {PHASE_DATA, "530 5.7.0 Authentication required", DEFERRED(ACCOUNT)},
        {PHASE_CONTENT, "552 5.3.4 Error: message file too big", ERROR(MESSAGE)},
        {PHASE_CONTENT, "421 4.4.2 mx.example Error: timeout exceeded", DEFERRED(MESSAGE)},
        {PHASE_DOT, "250 2.0.0 Ok: queued as 9F3A2C0D61", SENT},
        {PHASE_DOT, "250 2.0.0 OK  1700000000 a1-20020a05600c0b4100b003cf57329221sm1 - gsmtp",
         SENT},
        {PHASE_DOT, "250 Ok 0102018bd4f2a3c1-0d5e6f70-0000-4a1b-9c2d-000000000000-000000",
         SENT}, /* SES */
        {PHASE_DOT, "250 2.6.0 <1@example.com> [InternalId=1] Queued mail for delivery", SENT},
        {PHASE_DOT, "354 odd", DEFERRED(MESSAGE)},
        {PHASE_DOT, "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded",
         DEFERRED(MESSAGE)},
        {PHASE_DOT, "451 4.7.1 Greylisting in action, please come back later", DEFERRED(MESSAGE)},
        {PHASE_DOT, "451 4.3.2 Temporary server error. Please try again later", DEFERRED(MESSAGE)},
        {PHASE_DOT, "552 5.3.4 Message size exceeds fixed maximum message size", ERROR(MESSAGE)},
        {PHASE_DOT,
         "552-5.7.0 This message was blocked because its content presents a potential\r\n"
         "552 5.7.0  security issue. - gsmtp",
         ERROR(MESSAGE)},
        {PHASE_DOT,
         "550-5.7.26 This mail has been blocked because the sender is unauthenticated.\r\n"
         "550 5.7.26 Authentication required: SPF or DKIM - gsmtp",
         ERROR(MESSAGE)},
        {PHASE_DOT,
         "550 5.7.515 Access denied, sending domain does not meet the required authentication "
         "level.",
         ERROR(MESSAGE)},
        {PHASE_DOT, "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
         ERROR(MESSAGE)},
        {PHASE_DOT, "554 5.2.252 SendAsDenied; a@example.com not allowed to send as b@example.com",
         ERROR(MESSAGE)},
        {PHASE_DOT, "554 Message rejected: Email address is not verified.",
         ERROR(MESSAGE)}, /* SES */
        {PHASE_DOT, "554 5.7.1 Message contains spam or virus", ERROR(MESSAGE)},
        {PHASE_DOT, "554 5.7.1 [S] SMTP: message rejected due to content",
         ERROR(MESSAGE)}, /* Aruba */
        {PHASE_DOT, "554 Message rejected: Sending paused for this account.",
         DEFERRED(ACCOUNT)}, /* SES */
        {PHASE_DOT, "454 Throttling failure: Daily message quota exceeded.",
         DEFERRED(ACCOUNT)}, /* SES */
        {PHASE_DOT,
         "554 Access denied: User `arn:aws:iam::1:user/a' is not authorized to perform "
         "`ses:SendRawEmail'",
         DEFERRED(ACCOUNT)},
        {PHASE_DOT, "552 5.4.5 Daily SMTP relay limit exceeded for customer.", DEFERRED(ACCOUNT)},
        {PHASE_DOT, "550 5.7.705 Access denied, tenant has exceeded threshold", DEFERRED(ACCOUNT)},
        {PHASE_DOT, "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException",
         DEFERRED(ACCOUNT)},
    };

    (void)state;
    CHECK(cases);
}

static void test_mishaps_defer_but_for_what_can_never_go(void **state)
{
    static const struct {
        enum phase phase;
        enum mishap mishap;
        enum outcome outcome;
        enum blame blame;
    } cases[] = {
        {PHASE_CONNECT, MISHAP_REFUSED, DEFERRED(ACCOUNT)},
        {PHASE_CONNECT, MISHAP_TIMEOUT, DEFERRED(ACCOUNT)},
        {PHASE_GREETING, MISHAP_CUT, DEFERRED(ACCOUNT)},
        {PHASE_GREETING, MISHAP_GARBAGE, DEFERRED(ACCOUNT)},
        {PHASE_TLS, MISHAP_CERTIFICATE, DEFERRED(ACCOUNT)},
        {PHASE_STARTTLS, MISHAP_NO_STARTTLS, DEFERRED(ACCOUNT)},
        {PHASE_AUTH, MISHAP_NO_AUTH, DEFERRED(ACCOUNT)},
        {PHASE_AUTH, MISHAP_SECRET, DEFERRED(ACCOUNT)},
        {PHASE_AUTH, MISHAP_PLAIN_AUTH, DEFERRED(ACCOUNT)},
        {PHASE_MAIL, MISHAP_CUT, DEFERRED(MESSAGE)},
        {PHASE_RCPT, MISHAP_TIMEOUT, DEFERRED(MESSAGE)},
        {PHASE_CONTENT, MISHAP_CUT, DEFERRED(MESSAGE)},
        {PHASE_DOT, MISHAP_TIMEOUT, DEFERRED(MESSAGE)},
        {PHASE_DOT, MISHAP_GARBAGE, DEFERRED(MESSAGE)},
        {PHASE_CONTENT, MISHAP_LEASE_LOST, DEFERRED(NONE)},
        {PHASE_MAIL, MISHAP_TOO_LARGE, ERROR(MESSAGE)},
        {PHASE_MAIL, MISHAP_NO_SMTPUTF8, ERROR(MESSAGE)},
        {PHASE_RCPT, MISHAP_NO_SMTPUTF8, ERROR(RECIPIENT)},
        {PHASE_MAIL, MISHAP_BAD_PATH, ERROR(MESSAGE)},
        {PHASE_RCPT, MISHAP_BAD_PATH, ERROR(RECIPIENT)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct verdict verdict = policy_judge(cases[i].phase, cases[i].mishap, NULL);

        assert_int_equal(verdict.outcome, cases[i].outcome);
        assert_int_equal(verdict.blame, cases[i].blame);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_mail_every_refusal_is_the_accounts),
        cmocka_unit_test(test_at_mail_the_message_is_judged_unless_the_login_is_meant),
        cmocka_unit_test(test_at_rcpt_the_recipient_is_judged_alone),
        cmocka_unit_test(test_a_full_transaction_is_not_a_full_mailbox),
        cmocka_unit_test(test_from_data_on_the_message_is_judged_unless_the_quota_is_meant),
        cmocka_unit_test(test_mishaps_defer_but_for_what_can_never_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
