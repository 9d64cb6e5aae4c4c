/*
 * transfer.c - libcurl's transfers on the worker's event loop. See transfer.h.
 *
 * curl says which descriptors and which one timer it wants watched, and is told when something
 * happens to them. When a CONNECT_ONLY transfer ends curl lets its socket go without closing it:
 * from then on its owner watches it.
 */
#include "worker/transfer.h"

#include <signal.h>
#include <stdlib.h>

struct transfers {
    struct event_loop *loop; /* borrowed */
    CURLM *multi;            /* owned */
    struct event_timer timer;
};

/* One per easy handle in the multi; its CURLOPT_PRIVATE. */
struct transfer {
    transfer_done_fn *done;
    void *arg;
};

/* Tell the owners of the transfers that ended. `done` may start and remove transfers, its own among
 * them. */
static void transfer_read_messages(struct transfers *t)
{
    const CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(t->multi, &left))) {
        CURL *easy = msg->easy_handle;
        CURLcode result = msg->data.result; /* the message is gone once the handle is removed */
        struct transfer *transfer = NULL;

        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
        transfer->done(transfer->arg, easy, result);
    }
}

static void transfer_act(struct transfers *t, curl_socket_t fd, int mask)
{
    int running;

    curl_multi_socket_action(t->multi, fd, mask, &running);
    transfer_read_messages(t);
}

static void transfer_on_timer(void *arg)
{
    transfer_act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void transfer_on_ready(void *arg, int fd, unsigned ready)
{
    int mask = ((ready & EVENT_READ) ? CURL_CSELECT_IN : 0) |
               ((ready & EVENT_WRITE) ? CURL_CSELECT_OUT : 0);

    transfer_act(arg, fd, mask);
}

/* curl's CURLMOPT_TIMERFUNCTION. Acting from in here would re-enter curl, so 0 ms is a timer as
 * well. */
static int transfer_set_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct transfers *t = arg;

    (void)multi;
    if (timeout_ms < 0)
        event_timer_stop(t->loop, &t->timer);
    else
        event_timer_start(t->loop, &t->timer, timeout_ms, transfer_on_timer, t);
    return 0;
}

/* curl's CURLMOPT_SOCKETFUNCTION. */
static int transfer_set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
    struct transfers *t = arg;
    unsigned interest = 0;

    (void)easy;
    (void)of_socket;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        interest |= EVENT_READ;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        interest |= EVENT_WRITE;
    if (!interest) {
        event_unwatch(t->loop, fd);
        return 0;
    }
    /* Returning a failure would end every transfer of the multi; one that is not watched ends by
     * its own timeout. */
    if (event_watch(t->loop, fd, interest, transfer_on_ready, t, NULL))
        event_unwatch(t->loop, fd);
    return 0;
}

enum err transfers_new(struct event_loop *loop, struct transfers **ret, struct error *err)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct transfers *t = calloc(1, sizeof(*t));

    if (!t || curl_global_init(CURL_GLOBAL_DEFAULT)) {
        free(t);
        return error_set(err, ERR_NOMEM, "out of memory for transfers");
    }
    t->loop = loop;
    t->multi = curl_multi_init();
    if (!t->multi) {
        transfers_free(t);
        return error_set(err, ERR_NOMEM, "out of memory for transfers");
    }
    curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, transfer_set_socket);
    curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t);
    curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, transfer_set_timer);
    curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t);
    /* With CURLOPT_NOSIGNAL curl leaves SIGPIPE alone, and OpenSSL writes to sockets that may be
     * closed. */
    sigaction(SIGPIPE, &ignore, NULL);
    *ret = t;
    return ERR_OK;
}

void transfers_free(struct transfers *t)
{
    if (!t)
        return;
    curl_multi_cleanup(t->multi);
    event_timer_stop(t->loop, &t->timer);
    free(t);
    curl_global_cleanup();
}

enum err transfer_start(struct transfers *t, CURL *easy, transfer_done_fn *done, void *arg,
                        struct error *err)
{
    struct transfer *transfer = calloc(1, sizeof(*transfer));

    if (!transfer)
        return error_set(err, ERR_NOMEM, "out of memory for a transfer");
    transfer->done = done;
    transfer->arg = arg;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* Else taking out a handle whose name is still being resolved waits for the resolver's thread.
     */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    if (curl_multi_add_handle(t->multi, easy)) {
        curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
        free(transfer);
        return error_set(err, ERR_NOMEM, "out of memory for a transfer");
    }
    return ERR_OK;
}

void transfer_remove(struct transfers *t, CURL *easy)
{
    struct transfer *transfer = NULL;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
    curl_multi_remove_handle(t->multi, easy);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
    free(transfer);
}
