/*
 * handle.h - the libcurl handle of one connection to a relay: address, TLS policy and credentials
 * of the account.
 *
 * TLS on port 465 is implicit, on any other port STARTTLS is mandatory once the account wants TLS
 * (RFC 8314, RFC 3207). The relay's name is verified against the account's own CA, else
 * GMP_CA_FILE, else the system's store.
 */
#ifndef WORKER_SEND_HANDLE_H
#define WORKER_SEND_HANDLE_H

#include <curl/curl.h>
#include <stdbool.h>

#include "worker/claim/claim.h"
#include "worker/send/connection.h"

enum handle_tls { HANDLE_TLS_NONE, HANDLE_TLS_STARTTLS, HANDLE_TLS_IMPLICIT };

struct handle {
    CURL *easy;       /* owned */
    CURLU *url;       /* owned; where to */
    CURLSH *share;    /* owned; keeps this connection apart from the multi's others */
    char *client_key; /* a secret; owned, lent to curl until the handshake is over */
    enum handle_tls tls;
    bool login; /* credentials were set ... */
    bool token; /* ... an access token */
    char error_text[CURL_ERROR_SIZE];
};

/*
 * Fill the zeroed *ret. `token` is a secret, borrowed: the access token of an account that uses one
 * (else NULL). What the account itself rules out (no such host name, no key for its
 * password, ...) is not an error but told in *ret_failure, whose mishap is untouched otherwise.
 * ERR_NOMEM; clear it then as well.
 */
enum err handle_new(struct handle *ret, const struct connection_room *room,
                    const struct claim_account *account, const char *token,
                    struct connection_failure *ret_failure, struct error *err) MUST_CHECK;
void handle_forget_secrets(struct handle *h); /* after AUTH: drop ours and curl's copies */
void handle_clear(struct handle *h);          /* out of the multi by then */

#endif
