/*
 * routes.h - what the server answers: one table, one file for each resource.
 *
 * A handler runs when the request is routed, its body is JSON and its token is of the class the
 * table asks for. What the API calls by another word than the rest of the project is translated
 * here and nowhere else.
 */
#ifndef SERVER_ROUTES_ROUTES_H
#define SERVER_ROUTES_ROUTES_H

#include "server/http/router.h"

extern const struct route routes[]; /* ends with an entry without a path */

route_fn status_health;
route_fn status_ready;
route_fn status_get;
route_fn status_whoami;
route_fn description_get;
route_fn metrics_get;

route_fn page_get;
route_fn page_get_script;
route_fn page_get_style;

route_fn registration_post;
route_fn registration_put;
route_fn tenants_get;
route_fn tenants_list;
route_fn tenants_delete;
route_fn tenants_make_key;
route_fn tenants_drop_key;

route_fn accounts_post;
route_fn accounts_list;
route_fn accounts_delete;
route_fn account_health_get;

route_fn messages_add;
route_fn messages_delete;
route_fn listing_get;
route_fn message_detail_get;
route_fn cleanup_post;

route_fn control_run_now;
route_fn requeue_post;

route_fn backlog_get;
route_fn traffic_get;
route_fn errors_get;

route_fn instance_get;
route_fn instance_put;
route_fn instance_reload_bounce;

route_fn command_log_get;
route_fn command_log_export;

route_fn rules_post;
route_fn rules_list;
route_fn rules_patch;
route_fn rules_delete;
route_fn rules_preview;
route_fn sync_status_get;

route_fn batches_suspend;
route_fn batches_activate;

#endif
