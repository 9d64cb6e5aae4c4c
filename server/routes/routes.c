/*
 * routes.c - the table. See routes.h.
 */
#include "server/routes/routes.h"

#include <stddef.h>

#include "server/routes/shapes.h"

/* clang-format off */
const struct route routes[] = {
    {"GET", "/health", AUTH_PUBLIC, ROUTE_NO_BODY, status_health, "Does the process answer?",
     .answers = shapes_answers_health},
    {"GET", "/ready", AUTH_PUBLIC, ROUTE_NO_BODY, status_ready, "Can it work?",
     .answers = shapes_answers_ready},
    {"GET", "/status", AUTH_TOKEN, ROUTE_NO_BODY, status_get, "Is it active?",
     .answers = shapes_answers_status},
    {"GET", "/whoami", AUTH_TOKEN, ROUTE_NO_BODY, status_whoami, "Whose token is it?",
     .answers = shapes_answers_whoami},
    {"GET", "/openapi.json", AUTH_PUBLIC, ROUTE_NO_BODY, description_get, "This description.",
     .answers = shapes_answers_openapi},
    {"GET", "/metrics", AUTH_METRICS, ROUTE_NO_BODY, metrics_get, "Figures for Prometheus.",
     .doc = "Text exposition format 0.0.4. With GMP_METRICS_TOKEN set it wants that token or the admin token, as X-API-Token "
            "or as a Bearer token.",
     .answers = shapes_answers_metrics},

    {"POST", "/tenant", AUTH_ADMIN, ROUTE_JSON, registration_post, "Create a tenant, or replace its fields.",
     .in = &shape_tenant_new, .answers = shapes_answers_registration},
    {"GET", "/tenants", AUTH_ADMIN, ROUTE_NO_BODY, tenants_list, "All tenants.",
     .query = shapes_query_tenants, .answers = shapes_answers_tenants},
    {"GET", "/tenants/sync-status", AUTH_ADMIN, ROUTE_NO_BODY, sync_status_get,
     "When tenants were called, and are to be called.",
     .answers = shapes_answers_sync_status},
    {"GET", "/tenant/{tenant_id}", AUTH_TENANT, ROUTE_NO_BODY, tenants_get, "One tenant.",
     .answers = shapes_answers_tenant},
    {"PUT", "/tenant/{tenant_id}", AUTH_TENANT, ROUTE_JSON, registration_put, "Change what is given of a tenant.",
     .in = &shape_tenant_change, .answers = shapes_answers_tenant_changed},
    {"DELETE", "/tenant/{tenant_id}", AUTH_ADMIN, ROUTE_NO_BODY, tenants_delete,
     "Delete a tenant with its accounts and messages.",
     .answers = shapes_answers_tenant_deleted},
    {"POST", "/tenant/{tenant_id}/api-key", AUTH_ADMIN, ROUTE_OPTIONAL_JSON, tenants_make_key,
     "Give a tenant a new token.",
     .in = &shape_api_key_new, .answers = shapes_answers_api_key},
    {"DELETE", "/tenant/{tenant_id}/api-key", AUTH_ADMIN, ROUTE_NO_BODY, tenants_drop_key,
     "Take a tenant's token away.",
     .answers = shapes_answers_tenant_deleted},

    {"POST", "/account", AUTH_TENANT, ROUTE_JSON, accounts_post, "Create an account, or replace its fields.",
     .query = shapes_query_tenant, .in = &shape_account_new, .answers = shapes_answers_account_stored},
    {"GET", "/accounts", AUTH_TENANT, ROUTE_NO_BODY, accounts_list, "Accounts.",
     .query = shapes_query_tenant, .answers = shapes_answers_accounts},
    {"DELETE", "/account/{account_id}", AUTH_TENANT, ROUTE_NO_BODY, accounts_delete,
     "Delete an account with its messages.",
     .query = shapes_query_tenant, .answers = shapes_answers_account_deleted},

    {"POST", "/commands/add-messages", AUTH_TENANT, ROUTE_JSON, messages_add, "Take messages to send.",
     .query = shapes_query_tenant, .in = &shape_messages_new, .items_name_tenants = true,
     .answers = shapes_answers_messages_added},
    {"POST", "/commands/delete-messages", AUTH_TENANT, ROUTE_JSON, messages_delete, "Delete messages.",
     .query = shapes_query_tenant, .in = &shape_messages_ids, .answers = shapes_answers_messages_deleted},
    {"POST", "/commands/cleanup-messages", AUTH_TENANT, ROUTE_OPTIONAL_JSON, cleanup_post,
     "Remove what is final and was told long since.",
     .doc = "A message in a final state goes when all its events were acknowledged and the last acknowledgement is older "
            "than asked for. One that was never reported stays, and so does whatever is not final.",
     .query = shapes_query_tenant, .in = &shape_cleanup, .answers = shapes_answers_cleanup},
    {"GET", "/messages", AUTH_TENANT, ROUTE_NO_BODY, listing_get, "Messages, streamed.",
     .doc = "A search looks at 20,000 messages, or 64 MiB of them, for a request: an answer may have fewer messages than "
            "asked for, or none, and still a `next` to go on with.",
     .query = shapes_query_messages, .answers = shapes_answers_messages},
    {"GET", "/message/{id}", AUTH_TENANT, ROUTE_NO_BODY, message_detail_get,
     "One message, what has happened to it, and why it is not sent yet.",
     .doc = "Without a tenant: of the one that has such a message, else of `default`.",
     .query = shapes_query_tenant, .answers = shapes_answers_message_detail},
    {"POST", "/commands/run-now", AUTH_TENANT, ROUTE_ANY_BODY, control_run_now,
     "Send now, and call the tenant now.",
     .doc = "Ends the back-off of accounts and reports, and makes the tenant's sync due. A tenant that asked not to be "
            "disturbed is called when its own token asks for it, or when the query names it.",
     .query = shapes_query_tenant, .in = &shape_run_now},
    {"POST", "/commands/suspend", AUTH_TENANT, ROUTE_NO_BODY, batches_suspend,
     "Suspend a batch, a tenant, or the whole service.",
     .doc = "Messages are accepted and kept. What is at a relay already ends normally; nothing else is begun, in any "
            "worker, within a second. Reports go on, unless the whole service is suspended.",
     .query = shapes_query_batch, .answers = shapes_answers_batches},
    {"POST", "/commands/activate", AUTH_TENANT, ROUTE_NO_BODY, batches_activate,
     "Let go on what was suspended.",
     .query = shapes_query_batch, .answers = shapes_answers_batches},

    {"GET", "/instance", AUTH_ADMIN, ROUTE_NO_BODY, instance_get, "The deployment's own settings.",
     .answers = shapes_answers_instance},
    {"PUT", "/instance", AUTH_ADMIN, ROUTE_JSON, instance_put, "Change what is given of them.",
     .in = &shape_instance_change, .answers = shapes_answers_instance_changed},
    {"POST", "/instance/reload-bounce", AUTH_ADMIN, ROUTE_NO_BODY, instance_reload_bounce,
     "Are the settings of the bounce mailbox complete?",
     .doc = "There is nothing to reload: they are in the database, for whoever reads the mailbox.",
     .answers = shapes_answers_reload},
    {"GET", "/command-log", AUTH_ADMIN, ROUTE_NO_BODY, command_log_get, "What was asked of the service.",
     .query = shapes_query_command_log, .answers = shapes_answers_command_log},
    {"GET", "/command-log/export", AUTH_ADMIN, ROUTE_NO_BODY, command_log_export,
     "The same, to be kept elsewhere.",
     .query = shapes_query_command_log_export, .answers = shapes_answers_command_log_export},

    {"POST", "/commands/rules", AUTH_ADMIN, ROUTE_JSON, rules_post, "Add a rule for the polling.",
     .doc = "Rules set how often tenants without news are polled, by day and hour; the last enabled one that matches wins. "
            "Mail and reports never wait for them.",
     .in = &shape_rule_new, .answers = shapes_answers_rules},
    {"POST", "/commands/rules/preview", AUTH_ADMIN, ROUTE_OPTIONAL_JSON, rules_preview,
     "What rules come to, over a week.",
     .doc = "The rules that are stored, or others. It changes nothing.",
     .in = &shape_rules_preview, .answers = shapes_answers_rules_preview},
    {"GET", "/commands/rules", AUTH_ADMIN, ROUTE_NO_BODY, rules_list, "All rules.",
     .answers = shapes_answers_rules},
    {"PATCH", "/commands/rules/{rule_id}", AUTH_ADMIN, ROUTE_JSON, rules_patch, "Switch a rule on or off.",
     .params = shapes_params_rule, .in = &shape_rule_change, .answers = shapes_answers_rules},
    {"DELETE", "/commands/rules/{rule_id}", AUTH_ADMIN, ROUTE_NO_BODY, rules_delete, "Remove a rule.",
     .params = shapes_params_rule, .answers = shapes_answers_rules},
    {NULL},
};
/* clang-format on */
