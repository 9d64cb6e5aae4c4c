/*
 * test_event.c - timers, descriptors and deferred calls of the event loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/event.h"

struct scene {
    struct event_loop *loop;
    struct event_timer timers[8];
    char order[32];
    int pipe[2], other[2];
    int calls;
};

static int scene_open(void **state)
{
    static struct scene s;

    memset(&s, 0, sizeof(s));
    *state = &s;
    return event_loop_new(&s.loop, NULL) || pipe(s.pipe) || pipe(s.other);
}

static int scene_close(void **state)
{
    struct scene *s = *state;

    event_loop_free(s->loop);
    for (int i = 0; i < 2; i++) {
        close(s->pipe[i]);
        close(s->other[i]);
    }
    return 0;
}

/* Append one character to what happened so far. */
static void scene_note(struct scene *s, char what)
{
    size_t n = strlen(s->order);

    assert_true(n + 1 < sizeof(s->order));
    s->order[n] = what;
}

static void add_a(void *arg)
{
    scene_note(arg, 'a');
}

static void add_b(void *arg)
{
    scene_note(arg, 'b');
}

static void add_c(void *arg)
{
    scene_note(arg, 'c');
}

static void stop(void *arg)
{
    event_loop_stop(((struct scene *)arg)->loop);
}

static void test_timers_fire_in_the_order_they_are_due(void **state)
{
    struct scene *s = *state;

    event_timer_start(s->loop, &s->timers[0], 9, add_c, s);
    event_timer_start(s->loop, &s->timers[1], 1, add_a, s);
    event_timer_start(s->loop, &s->timers[2], 5, add_b, s);
    event_timer_start(s->loop, &s->timers[3], 12, stop, s);
    assert_int_equal(event_loop_run(s->loop, NULL), ERR_OK);
    assert_string_equal(s->order, "abc");
}

static void test_a_stopped_timer_does_not_fire_and_a_restarted_one_fires_once(void **state)
{
    struct scene *s = *state;

    event_timer_start(s->loop, &s->timers[0], 1, add_a, s);
    event_timer_start(s->loop, &s->timers[1], 1, add_b, s);
    event_timer_start(s->loop, &s->timers[1], 3, add_c, s);
    event_timer_stop(s->loop, &s->timers[0]);
    event_timer_stop(s->loop, &s->timers[0]);
    event_timer_start(s->loop, &s->timers[2], 8, stop, s);
    assert_int_equal(event_loop_run(s->loop, NULL), ERR_OK);
    assert_string_equal(s->order, "c");
}

static void take_octet(void *arg, int fd, unsigned ready)
{
    struct scene *s = arg;
    char octet;

    assert_true(ready & EVENT_READ);
    assert_int_equal(read(fd, &octet, 1), 1);
    scene_note(s, octet);
    if (octet == '.')
        event_loop_stop(s->loop);
}

static void test_a_readable_descriptor_is_told(void **state)
{
    struct scene *s = *state;

    assert_int_equal(write(s->pipe[1], "xy.", 3), 3);
    assert_int_equal(event_watch(s->loop, s->pipe[0], EVENT_READ, take_octet, s, NULL), ERR_OK);
    assert_int_equal(event_loop_run(s->loop, NULL), ERR_OK);
    assert_string_equal(s->order, "xy.");
}

static void unwatch_other(void *arg, int fd, unsigned ready)
{
    struct scene *s = arg;

    (void)ready;
    s->calls++;
    event_unwatch(s->loop, fd == s->pipe[0] ? s->other[0] : s->pipe[0]);
    event_unwatch(s->loop, fd);
    event_loop_stop(s->loop);
}

static void test_a_descriptor_unwatched_in_the_same_turn_is_not_told(void **state)
{
    struct scene *s = *state;

    assert_int_equal(write(s->pipe[1], "x", 1), 1);
    assert_int_equal(write(s->other[1], "x", 1), 1);
    assert_int_equal(event_watch(s->loop, s->pipe[0], EVENT_READ, unwatch_other, s, NULL), ERR_OK);
    assert_int_equal(event_watch(s->loop, s->other[0], EVENT_READ, unwatch_other, s, NULL), ERR_OK);
    assert_int_equal(event_loop_run(s->loop, NULL), ERR_OK);
    assert_int_equal(s->calls, 1);
}

static void defer_again(void *arg)
{
    struct scene *s = arg;

    if (++s->calls < 3)
        event_defer(s->loop, defer_again, s);
    else
        event_loop_stop(s->loop);
}

static void test_deferred_calls_run_once_and_may_defer_themselves(void **state)
{
    struct scene *s = *state;

    event_defer(s->loop, add_a, s);
    event_defer(s->loop, add_a, s);
    event_defer(s->loop, add_b, s);
    event_undefer(s->loop, add_b, s);
    event_defer(s->loop, defer_again, s);
    assert_int_equal(event_loop_run(s->loop, NULL), ERR_OK);
    assert_string_equal(s->order, "a");
    assert_int_equal(s->calls, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_timers_fire_in_the_order_they_are_due, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(
            test_a_stopped_timer_does_not_fire_and_a_restarted_one_fires_once, scene_open,
            scene_close),
        cmocka_unit_test_setup_teardown(test_a_readable_descriptor_is_told, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(test_a_descriptor_unwatched_in_the_same_turn_is_not_told,
                                        scene_open, scene_close),
        cmocka_unit_test_setup_teardown(test_deferred_calls_run_once_and_may_defer_themselves,
                                        scene_open, scene_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
