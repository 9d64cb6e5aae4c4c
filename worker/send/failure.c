/*
 * failure.c - a CURLcode and what curl said with it, as a mishap. See failure.h.
 */
#include "worker/send/failure.h"

#include <stdio.h>
#include <string.h>

#include "worker/authorize/answer.h"

enum { FAILURE_ALERT_OCTETS = 64 };

const char *const failure_waiting_for[] = {
    [PHASE_CONNECT] = "the connection",         [PHASE_TLS] = "the TLS handshake",
    [PHASE_GREETING] = "the greeting",          [PHASE_EHLO] = "the reply to EHLO",
    [PHASE_STARTTLS] = "the reply to STARTTLS", [PHASE_AUTH] = "the reply to AUTH",
};

/* ---- TLS alerts ---- */

/*
 * The words of an alert that the relay sent, by OpenSSL's text for it, such as
 * "error:0A00045C:SSL routines::tlsv13 alert certificate required, errno 0".
 */
static bool failure_read_alert(const char *curl_text, char ret[FAILURE_ALERT_OCTETS])
{
    static const char mark[] = " alert ";
    const char *at = strstr(curl_text, mark);

    if (!at)
        return false;
    at += sizeof(mark) - 1;
    snprintf(ret, FAILURE_ALERT_OCTETS, "%.*s", (int)strcspn(at, ",:"), at);
    return true;
}

/*
 * Is the alert about our certificate, or its absence (RFC 8446 section 6.2)? Before TLS 1.3 there
 * was none for an absence: OpenSSL says "handshake failure" then, as to much else, others "bad
 * certificate".
 */
static bool failure_is_about_certificate(const char *alert, bool certificate)
{
    static const char *const words[] = {
        "certificate required", "bad certificate",     "unsupported certificate",
        "certificate revoked",  "certificate expired", "certificate unknown",
        "unknown ca",           "access denied",       "decrypt error"};
    size_t count = certificate ? sizeof(words) / sizeof(words[0]) : 2;

    for (size_t i = 0; i < count; i++)
        if (!strcmp(alert, words[i]))
            return true;
    return false;
}

/* With TLS 1.3 it comes once the handshake seems to be over, instead of the first reply. */
static bool failure_read_refusal(const struct failure_facts *facts, struct connection_failure *ret)
{
    char alert[FAILURE_ALERT_OCTETS], text[REPLY_TEXT_OCTETS];

    if (!failure_read_alert(facts->curl_text, alert) ||
        !failure_is_about_certificate(alert, facts->certificate))
        return false;
    snprintf(text, sizeof(text),
             facts->certificate ? "the relay refused the client certificate: %s"
                                : "the relay wants a client certificate (tls_client_cert): %s",
             alert);
    ret->phase = PHASE_TLS;
    ret->mishap = MISHAP_CLIENT_CERTIFICATE;
    reply_describe(&ret->reply, text);
    return true;
}

/* ---- all else ---- */

static enum mishap failure_read_result(const struct failure_facts *facts)
{
    switch (facts->result) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
        return MISHAP_REFUSED;
    case CURLE_OPERATION_TIMEDOUT:
        return MISHAP_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        return MISHAP_CERTIFICATE;
    case CURLE_SSL_CERTPROBLEM:
        return MISHAP_CLIENT_CERTIFICATE;
    case CURLE_USE_SSL_FAILED:
        return MISHAP_NO_STARTTLS;
    case CURLE_LOGIN_DENIED:
        return facts->token && facts->reply->code == 334 ? MISHAP_NO_TOKEN : MISHAP_NO_AUTH;
    case CURLE_WRITE_ERROR: /* the header callback would have no more of it */
    case CURLE_WEIRD_SERVER_REPLY:
        return MISHAP_GARBAGE;
    default:
        return facts->phase == PHASE_CONNECT || facts->phase == PHASE_TLS ? MISHAP_REFUSED
                                                                          : MISHAP_CUT;
    }
}

/* With what the relay said of the token. */
static void failure_describe_token(const struct reply *reply, char *ret, size_t octets)
{
    char words[REPLY_TEXT_OCTETS];

    answer_read_challenge(reply->text, words, sizeof(words));
    snprintf(ret, octets, "the relay refused the access token%s%s", *words ? ": " : "", words);
}

/* Some relays close the connection instead of sending an alert. */
static const char *failure_hint(const struct failure_facts *facts)
{
    bool in_tls = facts->phase == PHASE_TLS && facts->result == CURLE_SSL_CONNECT_ERROR;

    if (facts->certificate && (in_tls || facts->after_tls))
        return " (the relay may not accept the client certificate)";
    if (facts->after_tls)
        return " (the relay may want a client certificate)";
    return "";
}

/* Our words for it, then curl's, where they say more than ours. */
static void failure_describe(const struct failure_facts *facts, enum mishap mishap, char *ret,
                             size_t octets)
{
    const char *detail = facts->curl_text[0] ? facts->curl_text : curl_easy_strerror(facts->result);

    if (mishap == MISHAP_NO_STARTTLS)
        snprintf(ret, octets, "the relay does not offer STARTTLS");
    else if (mishap == MISHAP_NO_TOKEN)
        failure_describe_token(facts->reply, ret, octets);
    else if (mishap == MISHAP_NO_AUTH)
        snprintf(ret, octets, "the relay offers no AUTH mechanism that can be used (%s)",
                 facts->token ? "OAUTHBEARER, XOAUTH2" : "PLAIN, LOGIN, CRAM-MD5");
    else if (mishap == MISHAP_CUT)
        snprintf(ret, octets, "connection lost while waiting for %s%s",
                 failure_waiting_for[facts->phase], failure_hint(facts));
    else if (mishap == MISHAP_GARBAGE)
        snprintf(ret, octets, "the relay does not speak SMTP: %s",
                 facts->garbage[0] ? facts->garbage : detail);
    else if (mishap == MISHAP_CERTIFICATE)
        snprintf(ret, octets, "the relay's certificate was refused: %s", detail);
    else if (mishap == MISHAP_CLIENT_CERTIFICATE)
        snprintf(ret, octets, "the client certificate cannot be used: %s", detail);
    else
        snprintf(ret, octets, "%s: %s%s",
                 facts->phase == PHASE_TLS ? "the TLS handshake failed"
                                           : "cannot connect to the relay",
                 detail, failure_hint(facts));
}

void failure_read(const struct failure_facts *facts, struct connection_failure *ret)
{
    char text[2 * REPLY_TEXT_OCTETS];

    if (failure_read_refusal(facts, ret))
        return;
    ret->phase = facts->phase;
    ret->mishap = failure_read_result(facts);
    failure_describe(facts, ret->mishap, text, sizeof(text));
    reply_describe(&ret->reply, text);
}
