/*
 * event.c - one thread's event loop on epoll(7), timers in a binary heap. See event.h.
 */
#include "common/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/clock.h"

enum { EVENT_BATCH = 256, EVENT_FD_MAX = 1048576 };

/* Per descriptor. `serial` tells a callback of this turn from one for a descriptor that was closed
 * and reused. */
struct event_slot {
    event_fd_fn *fn; /* NULL: not watched */
    void *arg;
    unsigned interest;
    uint32_t serial;
};

struct event_call {
    event_timer_fn *fn;
    void *arg;
};

struct event_loop {
    int epoll_fd;
    bool stopped;
    int64_t now_ms;
    struct event_slot *slots; /* by descriptor */
    size_t slot_count;
    struct event_timer **heap; /* heap[0] is due first; borrowed */
    uint32_t heap_count, heap_size;
    struct event_call *deferred;
    size_t deferred_count, deferred_size;
};

enum err event_loop_new(struct event_loop **ret, struct error *err)
{
    struct event_loop *loop = calloc(1, sizeof(*loop));

    if (!loop)
        return error_set(err, ERR_NOMEM, "out of memory for the event loop");
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        enum err rc = error_set(err, ERR_IO, "epoll_create1: %s", strerror(errno));

        free(loop);
        return rc;
    }
    loop->now_ms = clock_mono_ms();
    *ret = loop;
    return ERR_OK;
}

void event_loop_free(struct event_loop *loop)
{
    if (!loop)
        return;
    close(loop->epoll_fd);
    free(loop->slots);
    free(loop->heap);
    free(loop->deferred);
    free(loop);
}

void event_loop_stop(struct event_loop *loop)
{
    loop->stopped = true;
}

int64_t event_loop_now_ms(const struct event_loop *loop)
{
    return loop->now_ms;
}

/* ---- descriptors ---- */

static enum err event_make_slot(struct event_loop *loop, int fd, struct error *err)
{
    size_t count = loop->slot_count ? loop->slot_count : 64;
    struct event_slot *slots;

    if (fd < 0 || fd >= EVENT_FD_MAX)
        return error_set(err, ERR_LIMIT, "descriptor %d cannot be watched", fd);
    if ((size_t)fd < loop->slot_count)
        return ERR_OK;
    while (count <= (size_t)fd)
        count *= 2;
    slots = realloc(loop->slots, count * sizeof(*slots));
    if (!slots)
        return error_set(err, ERR_NOMEM, "out of memory for %zu descriptors", count);
    memset(slots + loop->slot_count, 0, (count - loop->slot_count) * sizeof(*slots));
    loop->slots = slots;
    loop->slot_count = count;
    return ERR_OK;
}

enum err event_watch(struct event_loop *loop, int fd, unsigned interest, event_fd_fn *fn, void *arg,
                     struct error *err)
{
    struct epoll_event ev = {0};
    struct event_slot *slot;
    enum err rc = event_make_slot(loop, fd, err);
    int op;

    if (rc)
        return rc;
    slot = &loop->slots[fd];
    op = slot->fn ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (slot->fn && slot->interest == interest) {
        slot->fn = fn;
        slot->arg = arg;
        return ERR_OK;
    }
    if (op == EPOLL_CTL_ADD)
        slot->serial++;
    ev.events = ((interest & EVENT_READ) ? EPOLLIN : 0) | ((interest & EVENT_WRITE) ? EPOLLOUT : 0);
    ev.data.u64 = ((uint64_t)slot->serial << 32) | (uint32_t)fd;
    if (epoll_ctl(loop->epoll_fd, op, fd, &ev) < 0)
        return error_set(err, ERR_IO, "epoll_ctl: %s", strerror(errno));
    slot->fn = fn;
    slot->arg = arg;
    slot->interest = interest;
    return ERR_OK;
}

void event_unwatch(struct event_loop *loop, int fd)
{
    if (fd < 0 || (size_t)fd >= loop->slot_count || !loop->slots[fd].fn)
        return;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    loop->slots[fd].fn = NULL;
}

static void event_dispatch(struct event_loop *loop, const struct epoll_event *ev)
{
    int fd = (int)(uint32_t)ev->data.u64;
    struct event_slot slot = loop->slots[fd];
    unsigned ready = 0;

    if (!slot.fn || slot.serial != (uint32_t)(ev->data.u64 >> 32))
        return; /* unwatched by an earlier callback of this turn */
    if (ev->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        ready |= EVENT_READ;
    if (ev->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        ready |= EVENT_WRITE;
    slot.fn(slot.arg, fd, ready);
}

/* ---- timers ---- */

static void event_heap_put(struct event_loop *loop, uint32_t at, struct event_timer *timer)
{
    loop->heap[at] = timer;
    timer->at = at + 1;
}

static void event_heap_up(struct event_loop *loop, uint32_t at, struct event_timer *timer)
{
    while (at > 0 && loop->heap[(at - 1) / 2]->due_ms > timer->due_ms) {
        event_heap_put(loop, at, loop->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    event_heap_put(loop, at, timer);
}

static void event_heap_down(struct event_loop *loop, uint32_t at, struct event_timer *timer)
{
    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child >= loop->heap_count)
            break;
        if (child + 1 < loop->heap_count &&
            loop->heap[child + 1]->due_ms < loop->heap[child]->due_ms)
            child++;
        if (loop->heap[child]->due_ms >= timer->due_ms)
            break;
        event_heap_put(loop, at, loop->heap[child]);
        at = child;
    }
    event_heap_put(loop, at, timer);
}

void event_timer_stop(struct event_loop *loop, struct event_timer *timer)
{
    uint32_t at = timer->at;
    struct event_timer *last;

    if (!at)
        return;
    timer->at = 0;
    last = loop->heap[--loop->heap_count];
    if (last == timer)
        return;
    at--;
    if (at > 0 && loop->heap[(at - 1) / 2]->due_ms > last->due_ms)
        event_heap_up(loop, at, last);
    else
        event_heap_down(loop, at, last);
}

void event_timer_start(struct event_loop *loop, struct event_timer *timer, int64_t delay_ms,
                       event_timer_fn *fn, void *arg)
{
    event_timer_stop(loop, timer);
    if (loop->heap_count == loop->heap_size) {
        uint32_t size = loop->heap_size ? loop->heap_size * 2 : 64;
        struct event_timer **heap = realloc(loop->heap, size * sizeof(struct event_timer *));

        if (!heap)
            abort(); /* a timer that never fires would hang what waits for it; the supervisor starts
                        us afresh */
        loop->heap = heap;
        loop->heap_size = size;
    }
    timer->fn = fn;
    timer->arg = arg;
    timer->due_ms = clock_mono_ms() + (delay_ms > 0 ? delay_ms : 0);
    event_heap_up(loop, loop->heap_count++, timer);
}

static void event_run_timers(struct event_loop *loop)
{
    while (loop->heap_count && loop->heap[0]->due_ms <= loop->now_ms) {
        struct event_timer *timer = loop->heap[0];

        event_timer_stop(loop, timer);
        timer->fn(timer->arg);
    }
}

static int event_wait_ms(const struct event_loop *loop)
{
    int64_t wait;

    if (loop->deferred_count)
        return 0;
    if (!loop->heap_count)
        return -1;
    wait = loop->heap[0]->due_ms - clock_mono_ms();
    return wait < 0 ? 0 : wait > 60000 ? 60000 : (int)wait;
}

/* ---- deferred calls ---- */

void event_defer(struct event_loop *loop, event_timer_fn *fn, void *arg)
{
    for (size_t i = 0; i < loop->deferred_count; i++)
        if (loop->deferred[i].fn == fn && loop->deferred[i].arg == arg)
            return;
    if (loop->deferred_count == loop->deferred_size) {
        size_t size = loop->deferred_size ? loop->deferred_size * 2 : 64;
        struct event_call *calls = realloc(loop->deferred, size * sizeof(*calls));

        if (!calls)
            abort();
        loop->deferred = calls;
        loop->deferred_size = size;
    }
    loop->deferred[loop->deferred_count++] = (struct event_call){fn, arg};
}

void event_undefer(struct event_loop *loop, event_timer_fn *fn, void *arg)
{
    for (size_t i = 0; i < loop->deferred_count; i++)
        if (loop->deferred[i].fn == fn && loop->deferred[i].arg == arg)
            loop->deferred[i].fn = NULL;
}

/* What these calls defer themselves runs in the next turn, so that descriptors are looked at in
 * between. */
static void event_run_deferred(struct event_loop *loop)
{
    size_t count = loop->deferred_count;

    for (size_t i = 0; i < count; i++) {
        struct event_call call = loop->deferred[i];

        loop->deferred[i].fn = NULL; /* so that it can be deferred again from within */
        if (call.fn)
            call.fn(call.arg);
    }
    memmove(loop->deferred, loop->deferred + count,
            (loop->deferred_count - count) * sizeof(*loop->deferred));
    loop->deferred_count -= count;
}

enum err event_loop_run(struct event_loop *loop, struct error *err)
{
    struct epoll_event ready[EVENT_BATCH];

    loop->stopped = false;
    while (!loop->stopped) {
        int n = epoll_wait(loop->epoll_fd, ready, EVENT_BATCH, event_wait_ms(loop));

        if (n < 0 && errno != EINTR)
            return error_set(err, ERR_IO, "epoll_wait: %s", strerror(errno));
        loop->now_ms = clock_mono_ms();
        for (int i = 0; i < n; i++)
            event_dispatch(loop, &ready[i]);
        event_run_timers(loop);
        if (loop->deferred_count)
            event_run_deferred(loop);
    }
    return ERR_OK;
}
