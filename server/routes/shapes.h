/*
 * shapes.h - what the routes take and give, for the table in routes.c. One file for each resource.
 *
 * Request bodies are open: members they do not name are ignored. Answers are closed unless they say
 * otherwise: a member that is not described is a mistake, and the tests find it.
 */
#ifndef SERVER_ROUTES_SHAPES_H
#define SERVER_ROUTES_SHAPES_H

#include "server/http/shape.h"

enum { SHAPES_ID_OCTETS = 255, SHAPES_DELAY_MAX_S = 31536000 };
#define SHAPES_TIME_MAX INT64_C(253402300799) /* the year 9999 */

/* The query's tenant_id, of every route that is about a tenant. */
#define SHAPES_QUERY_TENANT                                                                        \
    {                                                                                              \
        "tenant_id", FIELD_TEXT, .max = SHAPES_ID_OCTETS,                                          \
                                 .doc = "Whose; else the tenant of the token decides."             \
    }
#define SHAPES_OK                                                                                  \
    {                                                                                              \
        "ok", FIELD_BOOL, FIELD_REQUIRED, .doc = "true."                                           \
    }

/* shapes_service.c */
extern const struct answer shapes_answers_health[], shapes_answers_ready[], shapes_answers_status[],
    shapes_answers_whoami[], shapes_answers_openapi[];
extern const struct field shapes_query_tenant[];
extern const struct shape shape_run_now;

/* shapes_page.c */
extern const struct answer shapes_answers_page[], shapes_answers_script[], shapes_answers_style[];

/* shapes_metrics.c */
extern const struct answer shapes_answers_metrics[];

/* shapes_tenant.c */
extern const struct shape shape_tenant_new, shape_tenant_change, shape_api_key_new;
extern const struct field shapes_query_tenants[];
extern const struct answer shapes_answers_registration[], shapes_answers_tenant[],
    shapes_answers_tenants[], shapes_answers_tenant_changed[], shapes_answers_tenant_deleted[],
    shapes_answers_api_key[];

/* shapes_rule.c */
extern const struct shape shape_rule_new, shape_rule_change, shape_rules_preview;
extern const struct field shapes_params_rule[];
extern const struct answer shapes_answers_rules[], shapes_answers_rules_preview[],
    shapes_answers_sync_status[];

/* shapes_account.c */
shape_check_fn shapes_check_host;
extern const struct shape shape_account_new;
extern const struct answer shapes_answers_account_stored[], shapes_answers_accounts[],
    shapes_answers_account_deleted[];

/* shapes_message.c */
extern const struct shape shape_messages_new, shape_messages_ids, shape_cleanup;
extern const struct field shapes_query_messages[];
extern const struct answer shapes_answers_messages_added[], shapes_answers_messages_deleted[],
    shapes_answers_cleanup[], shapes_answers_messages[];

/* shapes_message_detail.c; what it takes of shapes_message.c: */
extern const struct shape shape_message;
extern const struct answer shapes_answers_message_detail[];

/* shapes_requeue.c */
extern const struct shape shape_requeue;
extern const struct answer shapes_answers_requeued[];

/* shapes_figures.c */
extern const struct field shapes_query_throughput[], shapes_query_errors[];
extern const struct answer shapes_answers_queue[], shapes_answers_throughput[],
    shapes_answers_errors[], shapes_answers_account_health[];

/* shapes_instance.c */
extern const struct shape shape_instance_change;
extern const struct answer shapes_answers_instance[], shapes_answers_instance_changed[],
    shapes_answers_reload[];

/* shapes_command_log.c */
extern const struct field shapes_query_command_log[], shapes_query_command_log_export[];
extern const struct answer shapes_answers_command_log[], shapes_answers_command_log_export[];

/* shapes_batches.c */
extern const struct field shapes_query_batch[];
extern const struct answer shapes_answers_batches[];

#endif
