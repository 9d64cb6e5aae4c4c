/*
 * transfer.h - libcurl's transfers on the worker's event loop (curl_multi_socket_action).
 *
 * Used for everything curl does: connecting to relays (CONNECT_ONLY), attachments, reports. Name
 * resolution runs in libcurl's own threads; nothing here blocks.
 */
#ifndef WORKER_TRANSFER_H
#define WORKER_TRANSFER_H

#include <curl/curl.h>

#include "common/event.h"

struct transfers; /* the curl multi handle and its sockets and timer */

/* The easy handle is the caller's. `error_text` is curl's CURLOPT_ERRORBUFFER when one was set. */
typedef void transfer_done_fn(void *arg, CURL *easy, CURLcode result);

enum err transfers_new(struct event_loop *loop, struct transfers **ret,
                       struct error *err) MUST_CHECK;
void transfers_free(struct transfers *t); /* every transfer must have ended or been removed */

/*
 * Start `easy`; `done` is called once, from the loop, never from inside this call. The handle stays
 * in the multi after that (a CONNECT_ONLY connection lives there) until transfer_remove(). Uses
 * CURLOPT_PRIVATE.
 */
enum err transfer_start(struct transfers *t, CURL *easy, transfer_done_fn *done, void *arg,
                        struct error *err) MUST_CHECK;
/* Take it out; `done` is not called any more. Then the caller may clean it up or use it again. */
void transfer_remove(struct transfers *t, CURL *easy);

#endif
