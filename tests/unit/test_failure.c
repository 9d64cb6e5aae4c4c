/* test_failure.c - worker/send/failure.h: what a failed connection is said to mean */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "worker/send/failure.h"

/* As libcurl 7.88 with OpenSSL 3.0 says it. */
#define READ  "OpenSSL SSL_read: error:0A00045C:SSL routines::"
#define SHAKE "error:0A000418:SSL routines::"

static const struct {
    CURLcode result;
    const char *curl_text;
    enum phase phase;
    bool certificate;
    enum phase told_phase;
    enum mishap mishap;
    const char *text;
} failure_cases[] = {
    {CURLE_RECV_ERROR, READ "tlsv13 alert certificate required, errno 0", PHASE_EHLO, false,
     PHASE_TLS, MISHAP_CLIENT_CERTIFICATE,
     "the relay wants a client certificate (tls_client_cert): certificate required"},
    {CURLE_RECV_ERROR, READ "sslv3 alert bad certificate, errno 0", PHASE_GREETING, false,
     PHASE_TLS, MISHAP_CLIENT_CERTIFICATE,
     "the relay wants a client certificate (tls_client_cert): bad certificate"},
    {CURLE_RECV_ERROR, READ "tlsv1 alert unknown ca, errno 0", PHASE_EHLO, true, PHASE_TLS,
     MISHAP_CLIENT_CERTIFICATE, "the relay refused the client certificate: unknown ca"},
    {CURLE_SSL_CONNECT_ERROR, SHAKE "sslv3 alert certificate expired", PHASE_TLS, true, PHASE_TLS,
     MISHAP_CLIENT_CERTIFICATE, "the relay refused the client certificate: certificate expired"},
    /* It says what it thinks of something else, or may. */
    {CURLE_SSL_CONNECT_ERROR, SHAKE "sslv3 alert handshake failure", PHASE_TLS, false, PHASE_TLS,
     MISHAP_REFUSED, "the TLS handshake failed: " SHAKE "sslv3 alert handshake failure"},
    {CURLE_SSL_CONNECT_ERROR, SHAKE "sslv3 alert handshake failure", PHASE_TLS, true, PHASE_TLS,
     MISHAP_REFUSED,
     "the TLS handshake failed: " SHAKE "sslv3 alert handshake failure (the relay may not "
     "accept the client certificate)"},
    {CURLE_RECV_ERROR, READ "tlsv1 alert unknown ca, errno 0", PHASE_EHLO, false, PHASE_EHLO,
     MISHAP_CUT,
     "connection lost while waiting for the reply to EHLO (the relay may want a client "
     "certificate)"},
    {CURLE_RECV_ERROR, "Connection reset by peer", PHASE_EHLO, true, PHASE_EHLO, MISHAP_CUT,
     "connection lost while waiting for the reply to EHLO (the relay may not accept the client "
     "certificate)"},
    {CURLE_RECV_ERROR, "Connection reset by peer", PHASE_AUTH, true, PHASE_AUTH, MISHAP_CUT,
     "connection lost while waiting for the reply to AUTH"},
    {CURLE_SSL_CERTPROBLEM, "unable to set private key file", PHASE_TLS, true, PHASE_TLS,
     MISHAP_CLIENT_CERTIFICATE,
     "the client certificate cannot be used: unable to set private key file"},
    {CURLE_PEER_FAILED_VERIFICATION, "SSL certificate problem", PHASE_TLS, true, PHASE_TLS,
     MISHAP_CERTIFICATE, "the relay's certificate was refused: SSL certificate problem"},
    {CURLE_COULDNT_CONNECT, "", PHASE_CONNECT, true, PHASE_CONNECT, MISHAP_REFUSED,
     "cannot connect to the relay: Couldn't connect to server"},
};

static void test_alerts_tell_what_a_relay_thinks_of_the_certificate(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(failure_cases) / sizeof(failure_cases[0]); i++) {
        const struct reply reply = {0};
        const struct failure_facts facts = {
            .result = failure_cases[i].result,
            .curl_text = failure_cases[i].curl_text,
            .phase = failure_cases[i].phase,
            .after_tls =
                failure_cases[i].phase == PHASE_EHLO || failure_cases[i].phase == PHASE_GREETING,
            .certificate = failure_cases[i].certificate,
            .garbage = "",
            .reply = &reply,
        };
        struct connection_failure failure;

        failure_read(&facts, &failure);
        assert_string_equal(failure.reply.text, failure_cases[i].text);
        assert_int_equal(failure.mishap, failure_cases[i].mishap);
        assert_int_equal(failure.phase, failure_cases[i].told_phase);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alerts_tell_what_a_relay_thinks_of_the_certificate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
