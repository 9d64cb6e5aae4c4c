/*
 * shapes_metrics.c - the metrics. See shapes.h, and docs/metrics.md for what is in them.
 */
#include "server/http/exposition.h"
#include "server/routes/shapes.h"

const struct answer shapes_answers_metrics[] = {
    {200, "Every family with its HELP and TYPE, also those that have no series.",
     .media_type = EXPOSITION_CONTENT_TYPE},
    {0},
};
