/*
 * listener.c - civetweb, started and kept on a short lead. See listener.h.
 *
 * civetweb has a thread for each connection, so silent clients cost threads: there are many, with
 * small stacks, and idle connections end soon. Stacks stay below 2 MiB so that transparent huge
 * pages cannot make each of them that large. civetweb lets the stack size only be set when it is
 * compiled, hence pthread_setattr_default_np().
 */
#include "server/http/listener.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <malloc.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "server/http/body.h"
#include "server/http/fields.h"
#include "server/http/head.h"
#include "server/http/refusal.h"
#include "server/http/traffic.h"

enum {
    LISTENER_STACK_OCTETS =
        512 * 1024, /* TLS to the database and getaddrinfo() are the deepest calls */
    LISTENER_ADDRESS_OCTETS = 64,
    LISTENER_SMALL_BODY_OCTETS = 64 * 1024,
    LISTENER_LARGE_BODY_OCTETS = 1024 * 1024,
    LISTENER_ARENAS_LEAST = 2,
    LISTENER_ARENAS_MOST = 4,
    LISTENER_NOTE_OCTETS = 256,
};

struct listener {
    const struct context *context; /* borrowed */
    const struct route *routes;    /* borrowed */
    struct body_room *room;
    struct mg_context *mg;
    struct sockaddr_storage address; /* where it listens */
    socklen_t address_octets;
    char note[LISTENER_NOTE_OCTETS]; /* civetweb's first complaint while it starts */
};

static void listener_log(const struct request *req, const struct reply *reply, int64_t started_us)
{
    struct log_line l;

    bool failed = reply->status >= 500 || reply->broken;

    log_begin(&l, failed ? LOG_WARN : LOG_DEBUG, "http", failed ? "request_failed" : "request");
    log_str(&l, "method", req->method);
    log_str(&l, "path", req->path);
    log_int(&l, "status", reply->status);
    log_int(&l, "ms", (clock_mono_us() - started_us) / 1000);
    if (reply->broken && !*reply->cause)
        log_str(&l, "error", "the client went away before the answer was through");
    log_str(&l, "error", *reply->cause ? reply->cause : NULL);
    log_end(&l);
}

/* Read and parse what the route wants of the body. false: answered already. */
static bool listener_take_body(struct listener *listener, const struct route *route,
                               struct request *req, struct body *body, struct reply *reply)
{
    long long length = mg_get_request_info(reply->conn)->content_length;
    struct json_syntax_error syntax = {0};
    struct error err;
    enum body_end end;
    enum err rc;

    if (route->body == ROUTE_NO_BODY ||
        (route->body == ROUTE_ANY_BODY && length > LISTENER_SMALL_BODY_OCTETS))
        return true;
    end = body_read(reply->conn, listener->room, body);
    if (end == BODY_OK)
        end = body_measure(body);
    if (end != BODY_OK && route->body == ROUTE_ANY_BODY) {
        reply->close = true;
        return true;
    }
    if (end != BODY_OK) {
        refusal_body(reply, end);
        return false;
    }
    rc = body_parse(body, &req->body, &syntax, &err);
    if (!rc || route->body == ROUTE_ANY_BODY)
        return true;
    if (rc == ERR_INPUT)
        refusal_syntax(reply, &syntax);
    else
        reply_error(reply, &err);
    return false;
}

/*
 * A body that nobody read is skipped by civetweb when it is small; else the connection ends.
 * civetweb is forgiving with chunks, so a chunked request is the last one of its connection: what
 * one reader takes for its end, another may not.
 */
static void listener_decide_close(const struct body *body, struct reply *reply)
{
    long long length = mg_get_request_info(reply->conn)->content_length;

    if ((length < 0 && body_is_announced(reply->conn)) ||
        (!body->room && length > LISTENER_SMALL_BODY_OCTETS) ||
        body_is_awaited(reply->conn, body)) /* it may come or not, nobody knows */
        reply->close = true;
}

/* Scrapers know how to send a Bearer token (RFC 6750), and often nothing else. */
static const char *listener_token(const struct mg_connection *conn, enum auth_class class)
{
    const char *token = mg_get_header(conn, "X-API-Token");
    const char *authorization = mg_get_header(conn, "Authorization");

    if (token || class != AUTH_METRICS || !authorization ||
        strncasecmp(authorization, "Bearer ", 7) != 0)
        return token;
    return authorization + 7 + strspn(authorization + 7, " ");
}

/* Returns the route; NULL: none was found. */
static const struct route *listener_run(struct listener *listener, struct request *req,
                                        const char *query, struct body *body, struct reply *reply)
{
    const struct mg_request_info *info = mg_get_request_info(reply->conn);
    const struct route *route;
    const char *malformed;
    bool fine;

    if (info->num_headers >=
        MG_MAX_HEADERS) { /* civetweb leaves the further ones out: they might frame the body */
        reply_detail(reply, 431, "Too many header fields");
        reply->close = true;
        return NULL;
    }
    malformed = head_check(info);
    if (malformed) {
        reply_detail(reply, 400, "%s", malformed);
        reply->close = true;
        return NULL;
    }
    if (body_check_framing(reply->conn) != BODY_OK) {
        refusal_body(reply, BODY_AMBIGUOUS);
        return NULL;
    }
    route = router_find(listener->routes, req, query, reply);
    fine = route && listener_take_body(listener, route, req, body, reply);
    listener_decide_close(body, reply);
    fine = fine && auth_check(req, route->auth, listener_token(reply->conn, route->auth), reply);
    if (fine && router_check(route, req, reply))
        route->run(req, reply);
    request_give_db(req);
    return route;
}

static int listener_begin_request(struct mg_connection *conn)
{
    const struct mg_request_info *info = mg_get_request_info(conn);
    struct listener *listener = info->user_data;
    int64_t started_us = clock_mono_us();
    const struct route *route = NULL;
    struct request req = {0};
    struct reply reply;
    struct body body = {0};
    struct error err;
    bool large, drains;
    int status;

    traffic_begin(listener->context->traffic);
    reply_init(&reply, conn);
    if (request_init(&req, listener->context, info->request_method, info->local_uri_raw,
                     info->query_string, &err)) {
        if (err.code == ERR_INPUT)
            refusal_query(&reply);
        else
            reply_error(&reply, &err);
        reply.close = true; /* nobody looked whether the body has one length */
    } else {
        route = listener_run(listener, &req, info->query_string, &body, &reply);
    }
    drains = reply.close && body_is_announced(conn) && !body_is_awaited(conn, &body);
    large = body.charged > LISTENER_LARGE_BODY_OCTETS;
    request_drop_body(&req);
    body_clear(&body); /* before the answer: who has it may send as much again */
    reply_send(&reply);
    traffic_end(listener->context->traffic, route, info->request_method, reply.status,
                clock_mono_us() - started_us);
    listener_log(&req, &reply, started_us);
    if (drains)
        body_drain(conn);
    request_clear(&req);
    status = reply.status;
    reply_clear(&reply);
    if (large)
        malloc_trim(0); /* else each thread's heap keeps what its largest request took */
    return status ? status : 503;
}

/* Requests that civetweb refuses by itself: no HTTP, too many or too long headers, a strange
 * version, a strange method. */
static int listener_http_error(struct mg_connection *conn, int status, const char *text)
{
    const struct listener *listener = mg_get_user_data(mg_get_context(conn));
    const struct mg_request_info *info = mg_get_request_info(conn);
    struct reply reply;

    traffic_begin(listener->context->traffic);
    reply_init(&reply, conn);
    if (!refusal_method(listener->context, listener->routes, info, status, &reply))
        reply_detail(&reply, status, "%s", text);
    reply.close = true;
    reply_send(&reply);
    traffic_end(listener->context->traffic, NULL, NULL, reply.status, 0);
    reply_clear(&reply);
    mg_set_user_connection_data(conn, conn); /* it has its answer */
    return 0;
}

static int listener_connected(const struct mg_connection *conn, void **data)
{
    const struct listener *listener = mg_get_user_data(mg_get_context(conn));

    *data = NULL;
    traffic_connected(listener->context->traffic);
    return 0;
}

static void listener_disconnected(const struct mg_connection *conn)
{
    const struct listener *listener = mg_get_user_data(mg_get_context(conn));

    traffic_disconnected(listener->context->traffic);
}

/* civetweb drops a request whose target is "*" or on another host without a word: answer it when
 * its connection ends for that. */
static void listener_connection_close(const struct mg_connection *conn)
{
    const struct mg_request_info *info = mg_get_request_info(conn);

    if (info && info->request_uri && !info->local_uri_raw && !mg_get_user_connection_data(conn))
        listener_http_error((struct mg_connection *)conn, 400,
                            "The request target must be a path of this service");
}

static int listener_log_message(const struct mg_connection *conn, const char *text)
{
    struct listener *listener = mg_get_user_data(mg_get_context(conn));
    struct log_line l;

    if (listener && !listener->mg && !*listener->note)
        snprintf(listener->note, sizeof(listener->note), "%s", text);
    log_begin(&l, LOG_DEBUG, "http", "civetweb");
    log_str(&l, "text", text);
    log_end(&l);
    return 1;
}

/* Resolve the host to listen on; civetweb gets numbers. */
static enum err listener_resolve(struct listener *listener, char *ret, size_t n, struct error *err)
{
    const struct config *config = listener->context->config;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    char host[LISTENER_ADDRESS_OCTETS];
    char port[8];
    bool loopback, six;
    int failed;

    snprintf(port, sizeof(port), "%lld", (long long)config->port);
    failed = getaddrinfo(config->host, port, &hints, &found);
    if (!failed)
        failed = getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof(host), NULL, 0,
                             NI_NUMERICHOST);
    if (failed) {
        if (found)
            freeaddrinfo(found);
        return error_set(err, ERR_CONFIG, "GMP_HOST=%s: no address to listen on: %s", config->host,
                         gai_strerror(failed));
    }
    six = found->ai_family == AF_INET6;
    memcpy(&listener->address, found->ai_addr, found->ai_addrlen);
    listener->address_octets = found->ai_addrlen;
    freeaddrinfo(found);
    loopback = six ? !strcmp(host, "::1") : !strncmp(host, "127.", 4);
    if (!loopback && !config->api_token && !config->allow_open_listen)
        return error_set(err, ERR_CONFIG,
                         "GMP_HOST=%s: everybody who reaches it could send mail, because no admin "
                         "token is set: set "
                         "GMP_API_TOKEN, or listen on 127.0.0.1, or set GMP_ALLOW_OPEN_LISTEN=true",
                         config->host);
    snprintf(ret, n, six ? "[%s]:%lld" : "%s:%lld", host, (long long)config->port);
    return ERR_OK;
}

static void listener_set_stacks(void)
{
    pthread_attr_t attr;

    pthread_attr_init(&attr);
    if (!pthread_attr_setstacksize(&attr, LISTENER_STACK_OCTETS))
        pthread_setattr_default_np(&attr);
    pthread_attr_destroy(&attr);
}

/* Heaps, which the threads share: of hundreds no more are busy at once than there are processors,
 * and each heap keeps some megabytes of what its largest requests took. */
static int listener_arenas(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (processors < LISTENER_ARENAS_LEAST)
        return LISTENER_ARENAS_LEAST;
    return processors < LISTENER_ARENAS_MOST ? (int)processors : LISTENER_ARENAS_MOST;
}

static enum err listener_start(struct listener *listener, const char *address, struct error *err)
{
    char threads[24];
    /* clang-format off */
    const char *options[] = {
        "listening_ports", address,
        "num_threads", threads,
        "listen_backlog", "512",
        "enable_keep_alive", "yes",
        "keep_alive_timeout_ms", "5000",
        "request_timeout_ms", "20000",    /* silence in the middle of a request or an answer */
        "decode_url", "no",               /* civetweb would cut the path at a %00 */
        "enable_auth_domain_check", "no", /* "GET http://us/path": whatever we are called */
        "tcp_nodelay", "1",
        "enable_directory_listing", "no",
        NULL,
    };
    /* clang-format on */
    struct mg_callbacks callbacks = {
        .begin_request = listener_begin_request,
        .http_error = listener_http_error,
        .init_connection = listener_connected,
        .connection_close = listener_connection_close,
        .connection_closed = listener_disconnected,
        .log_message = listener_log_message,
    };
    char text[LISTENER_NOTE_OCTETS] = "";
    unsigned code = 0;
    struct mg_error_data error = {.code = &code, .text = text, .text_buffer_size = sizeof(text)};
    struct mg_init_data init = {
        .callbacks = &callbacks, .user_data = listener, .configuration_options = options};

    snprintf(threads, sizeof(threads), "%lld", (long long)listener->context->config->http_threads);
    mallopt(M_ARENA_MAX, listener_arenas());
    listener_set_stacks();
    mg_init_library(0);
    listener->mg = mg_start2(&init, &error);
    if (listener->mg)
        return ERR_OK;
    return error_set(err, ERR_IO, "cannot listen on %s (GMP_HOST, GMP_PORT): %s", address,
                     *listener->note ? listener->note : text);
}

enum err listener_new(const struct context *context, const struct route *routes,
                      struct listener **ret, struct error *err)
{
    char address[LISTENER_ADDRESS_OCTETS + 16];
    struct listener *listener = calloc(1, sizeof(*listener));
    enum err rc;

    if (!listener)
        return error_set(err, ERR_NOMEM, "out of memory for the listener");
    listener->context = context;
    listener->routes = routes;
    rc = body_room_new((size_t)context->config->max_body_bytes,
                       (size_t)context->config->max_bodies_in_flight_bytes, &listener->room, err);
    if (!rc)
        rc = listener_resolve(listener, address, sizeof(address), err);
    if (!rc)
        rc = listener_start(listener, address, err);
    if (rc) {
        listener_free(listener);
        return rc;
    }
    *ret = listener;
    return ERR_OK;
}

/*
 * civetweb looks whether it shall stop when a client comes, or every two seconds. Be that client.
 * To connect to 0.0.0.0 or :: is, on Linux, to connect to ourselves.
 */
static void *listener_nudge(void *arg)
{
    const struct listener *listener = arg;
    const struct timespec pause = {.tv_nsec = 20 * 1000000L};
    int fd;

    nanosleep(
        &pause,
        NULL); /* let mg_stop() raise its flag first; should it be later, two seconds do no harm */
    fd = socket(listener->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        (void)!connect(fd, (const struct sockaddr *)&listener->address, listener->address_octets);
        close(fd);
    }
    return NULL;
}

static void listener_stop(struct listener *listener)
{
    pthread_t nudge;
    bool nudged = !pthread_create(&nudge, NULL, listener_nudge, listener);

    mg_stop(listener->mg);
    if (nudged)
        pthread_join(nudge, NULL);
}

void listener_free(struct listener *listener)
{
    if (!listener)
        return;
    if (listener->mg) {
        listener_stop(listener);
        mg_exit_library();
    }
    body_room_free(listener->room);
    free(listener);
}
