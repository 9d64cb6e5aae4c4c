/*
 * failure.h - why libcurl could not connect to a relay, where the relay's own reply does not say
 * it.
 */
#ifndef WORKER_SEND_FAILURE_H
#define WORKER_SEND_FAILURE_H

#include <curl/curl.h>
#include <stdbool.h>

#include "worker/send/connection.h"

/* Borrowed texts. */
struct failure_facts {
    CURLcode result;           /* not CURLE_OK */
    const char *curl_text;     /* CURLOPT_ERRORBUFFER; empty: nothing is known beyond `result` */
    enum phase phase;          /* what was waited for */
    bool after_tls;            /* the handshake was through, and no reply has come since */
    bool token;                /* it was to log in with an access token */
    bool certificate;          /* the account has a client certificate */
    const char *garbage;       /* what was wrong with a reply; empty: nothing was found */
    const struct reply *reply; /* the last one */
};

/* "the greeting", by phase, up to PHASE_AUTH. */
extern const char *const failure_waiting_for[];

/* What it means, and where, in one line for a person. */
void failure_read(const struct failure_facts *facts, struct connection_failure *ret);

#endif
