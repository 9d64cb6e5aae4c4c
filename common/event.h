/*
 * event.h - one thread's event loop: descriptors (epoll) and timers.
 *
 * Callbacks run one after another on the thread that runs the loop and must not block.
 */
#ifndef COMMON_EVENT_H
#define COMMON_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

struct event_loop;

enum { EVENT_READ = 1, EVENT_WRITE = 2 };

typedef void
event_fd_fn(void *arg, int fd,
            unsigned ready); /* ready: EVENT_READ | EVENT_WRITE; a hang-up shows as both */
typedef void event_timer_fn(void *arg);

/* Embedded in the owner's struct; zero it before first use. `arg` must outlive the timer. */
struct event_timer {
    event_timer_fn *fn;
    void *arg;
    int64_t due_ms;
    uint32_t at; /* place in the loop's heap + 1; 0: not running */
};

enum err event_loop_new(struct event_loop **ret, struct error *err) MUST_CHECK;
void event_loop_free(struct event_loop *loop);
/* Run until event_loop_stop() is called from a callback. */
enum err event_loop_run(struct event_loop *loop, struct error *err) MUST_CHECK;
void event_loop_stop(struct event_loop *loop);
/* The loop's idea of the monotonic clock, read once a turn: cheap, and the same for all callbacks
 * of a turn. */
int64_t event_loop_now_ms(const struct event_loop *loop);

/* Watch `fd` for `interest` (replaces what was set for it before). The fd stays the caller's. */
enum err event_watch(struct event_loop *loop, int fd, unsigned interest, event_fd_fn *fn, void *arg,
                     struct error *err) MUST_CHECK;
void event_unwatch(struct event_loop *loop,
                   int fd); /* before the fd is closed; unknown fds are fine */

void event_timer_start(struct event_loop *loop, struct event_timer *timer, int64_t delay_ms,
                       event_timer_fn *fn, void *arg); /* restarts a running one */
void event_timer_stop(struct event_loop *loop, struct event_timer *timer);

/* Call fn(arg) once, at the end of this turn or of the next, before the loop waits again; asking
 * twice for the same pair is one call. */
void event_defer(struct event_loop *loop, event_timer_fn *fn, void *arg);
void event_undefer(struct event_loop *loop, event_timer_fn *fn,
                   void *arg); /* before `arg` is freed */

#endif
