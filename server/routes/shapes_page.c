/*
 * shapes_page.c - the web page's files. See shapes.h.
 */
#include "server/routes/shapes.h"

#define SHAPES_NOT_MODIFIED                                                                        \
    {                                                                                              \
        304, "The client has it: If-None-Match named its ETag."                                    \
    }

const struct answer shapes_answers_page[] = {
    {200, "index.html; its paths are relative, so that it may stand below a prefix.",
     .media_type = "text/html; charset=utf-8"},
    SHAPES_NOT_MODIFIED,
    {0},
};
const struct answer shapes_answers_script[] = {
    {200, "An ES module, or Chart.js.", .media_type = "text/javascript; charset=utf-8"},
    SHAPES_NOT_MODIFIED,
    {404, "The page has no such script."},
    {0},
};
const struct answer shapes_answers_style[] = {
    {200, "A style sheet.", .media_type = "text/css; charset=utf-8"},
    SHAPES_NOT_MODIFIED,
    {404, "The page has no such style sheet."},
    {0},
};
