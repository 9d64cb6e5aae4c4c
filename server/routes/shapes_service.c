/*
 * shapes_service.c - the service itself: health, readiness, status, whoami, run-now. See shapes.h.
 */
#include "server/routes/shapes.h"

static const struct field shapes_state_fields[] = {
    {"status", FIELD_TEXT, FIELD_REQUIRED, .doc = "\"ok\"."},
    {0},
};
static const struct shape shape_state = {"State", "All is well.", .fields = shapes_state_fields};
const struct answer shapes_answers_health[] = {
    {200, "The process answers.", &shape_state},
    {0},
};
const struct answer shapes_answers_ready[] = {
    {200, "The database answers, and its schema is the one this program needs.", &shape_state},
    {0},
};

static const struct field shapes_status_fields[] = {
    SHAPES_OK,
    {"active", FIELD_BOOL, FIELD_REQUIRED,
     .doc = "false: the whole service is suspended; messages are accepted, none is sent."},
    {0},
};
static const struct shape shape_status = {"Status", "Is the service active?",
                                          .fields = shapes_status_fields};
const struct answer shapes_answers_status[] = {{200, "The global switch.", &shape_status}, {0}};

static const struct field shapes_whoami_fields[] = {
    SHAPES_OK,
    {"admin", FIELD_BOOL, FIELD_REQUIRED,
     .doc = "It may do everything: it is the admin token, or none is asked for."},
    {"tenant_id", FIELD_TEXT, .doc = "Whose it is; left out: nobody's in particular."},
    {"active", FIELD_BOOL, FIELD_REQUIRED, .doc = "As in GET /status."},
    {"version", FIELD_TEXT, FIELD_REQUIRED, .doc = "Of the program that answers."},
    {"time_zone", FIELD_TEXT, FIELD_REQUIRED, .doc = "GMP_TIMEZONE, by which polling rules count."},
    {"now_ts", FIELD_INT, FIELD_REQUIRED, .max = SHAPES_TIME_MAX,
     .doc = "The database's clock, by which all is due."},
    {0},
};
static const struct shape shape_whoami = {"Whoami", "Who is asking, and whom.",
                                          .fields = shapes_whoami_fields};
const struct answer shapes_answers_whoami[] = {{200, "A valid token.", &shape_whoami}, {0}};

static const struct shape shape_openapi = {"Description", "An OpenAPI 3.1 document.", true, NULL};
const struct answer shapes_answers_openapi[] = {{200, "This description.", &shape_openapi}, {0}};

const struct field shapes_query_tenant[] = {SHAPES_QUERY_TENANT, {0}};

static const struct field shapes_run_now_fields[] = {
    {"tenant_id", FIELD_ANY, .doc = "Whose, where the query does not say it."},
    {0},
};
const struct shape shape_run_now = {"RunNow", "Whatever it is: what does not fit is ignored.", true,
                                    shapes_run_now_fields};
