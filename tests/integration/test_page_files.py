"""The web page's files as they are served: types, headers, validators, compression, and that nothing in them leads elsewhere."""

import gzip
import os
import re

import pytest
from support.builds import ROOT

PAGE = os.path.join(ROOT, "server", "page")
SCRIPTS = sorted(os.listdir(os.path.join(PAGE, "scripts")))
FILES = ["/", *["/page/scripts/" + name for name in [*SCRIPTS, "chart.min.js"]], "/page/styles/page.css", "/page/styles/bootstrap.min.css"]
TYPES = {"/": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


def read(*names):
    with open(os.path.join(ROOT, *names), encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize("path", FILES)
def test_a_file_needs_no_token_and_says_what_it_is(served, path):
    answer = served.api.with_token(None).get(path)
    assert answer.status == 200 and answer.body
    assert answer.headers["Content-Type"] == TYPES[os.path.splitext(path)[1] or path]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert len(answer.headers.get_all("Cache-Control")) == 1
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy == {"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:", "connect-src": "'self'",
                      "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'", "require-trusted-types-for": "'script'"}


@pytest.mark.parametrize("path", FILES)
def test_a_file_comes_compressed_to_whom_takes_that_and_is_the_same(served, path):
    plain = served.api.get(path)
    packed = served.api.request("GET", path, headers={"Accept-Encoding": "br, gzip"})
    assert "Content-Encoding" not in plain.headers and packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body and len(packed.body) < len(plain.body)
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    assert plain.headers["ETag"] != packed.headers["ETag"]


def test_who_has_a_file_is_told_so(served):
    first = served.api.get("/page/scripts/main.js")
    tag = first.headers["ETag"]
    for named in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        answer = served.api.request("GET", "/page/scripts/main.js", headers={"If-None-Match": named})
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag), named
        assert "Content-Length" not in answer.headers and answer.headers["Cache-Control"] == "no-cache"
    for named in ('"other"', tag[:-1], tag.strip('"'), ""):
        assert served.api.request("GET", "/page/scripts/main.js", headers={"If-None-Match": named}).status == 200, named
    packed = served.api.request("GET", "/page/scripts/main.js", headers={"If-None-Match": tag, "Accept-Encoding": "gzip"})
    assert packed.status == 200  # it has the other form


@pytest.mark.parametrize("accepted, coding", [("gzip", "gzip"), ("GZIP;q=0.5", "gzip"), ("deflate, gzip ; q=1.0", "gzip"), ("gzip;q=0", None), ("gzip; q=0.000", None),
                                              ("identity", None), ("x-gzip2", None), ("", None), (",,;", None), ("*", None)])
def test_only_who_takes_gzip_gets_it(served, accepted, coding):
    answer = served.api.request("GET", "/", headers={"Accept-Encoding": accepted})
    assert (answer.status, answer.headers.get("Content-Encoding")) == (200, coding)


def test_what_the_page_does_not_have_is_404(served):
    for path in ("/page/scripts/nothing.js", "/page/styles/main.js", "/page/scripts/../../main.c", "/page/scripts/%2e%2e"):
        answer = served.api.with_token(None).get(path)
        assert (answer.status, answer.headers["Content-Type"]) == (404, "application/json"), path


def test_a_connection_serves_on_after_a_304(served):
    import http.client

    conn = http.client.HTTPConnection(served.api.host, served.api.port, timeout=20)
    tag = served.api.get("/").headers["ETag"]
    for _ in range(3):
        conn.request("GET", "/", headers={"If-None-Match": tag})
        answer = conn.getresponse()
        assert (answer.status, answer.read()) == (304, b"")
        conn.request("GET", "/health")
        assert conn.getresponse().read() == b'{"status":"ok"}'
    conn.close()


def test_every_path_in_the_page_is_relative_and_leads_to_a_file_of_it():
    index = read("server", "page", "index.html")
    links = [link for link in re.findall(r'(?:href|src)="([^"]*)"', index) if not link.startswith(("data:", "#"))]
    assert links and all("/" + link in FILES for link in links)
    for name in SCRIPTS:
        for imported in re.findall(r'^import .* from "([^"]*)"', read("server", "page", "scripts", name), re.M):
            assert imported.startswith("./") and imported[2:] in SCRIPTS, (name, imported)


@pytest.mark.parametrize("name", [*["scripts/" + name for name in SCRIPTS], "styles/page.css", "index.html"])
def test_nothing_is_loaded_from_elsewhere_or_made_of_text(name):
    text = read("server", "page", name)
    elsewhere = [url for url in re.findall(r"https?://[^\s\"'<>)]*", text) if not url.startswith("http://www.w3.org/2000/svg") and url != "https://"]
    assert elsewhere == []
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(\"style|@import| style=\"| on\w+=\"", text)


def keys_of(name):
    return re.findall(r'^  "([^"]+)":', read("server", "page", "scripts", name), re.M)


def test_every_text_is_in_each_language_and_used():
    english = keys_of("locale_en.js")
    assert english == keys_of("locale_it.js") and len(english) == len(set(english)) > 200
    code = "".join(read("server", "page", "scripts", name) for name in SCRIPTS if not name.startswith("locale_"))
    named = set(re.findall(r'"([\w.]+)"', code))
    # Keys put together: t(`status.${...}`), badge("state", ...), word("window", ...).
    made = [re.escape(pattern).replace(r"\$", "$") for pattern in re.findall(r"`([^`]*\$\{[^`]*)`", code)]
    made = [re.sub(r"\$\\\{.*?\\\}", r"[\\w.]+", pattern) for pattern in made]
    made += [prefix + r"\.\w+" for prefix in re.findall(r'(?:badge|word)\("(\w+)"', code)]
    unused = [key for key in english if key not in named and not any(re.fullmatch(pattern, key) for pattern in made if pattern.strip("[\\w.]+-"))]
    assert unused == []
    missing = [key for key in re.findall(r'\bt\("([^"]+)"', code) if key not in english]
    assert missing == []


def test_each_picture_of_the_document_exists_is_small_and_is_made_by_a_test():
    pictures = re.findall(r"\]\(page/([\w-]+)\.png\)", read("docs", "page.md"))
    tests = read("tests", "integration", "test_page.py")
    made = set(re.findall(r'\.picture\("([\w-]+)"\)', tests)) | {"phone-" + view for view in ("queue", "messages", "message", "accounts", "rules", "tenants")}
    assert len(pictures) == len(set(pictures)) >= 8 and set(pictures) <= made
    there = {name[:-4] for name in os.listdir(os.path.join(ROOT, "docs", "page"))}
    assert there == set(pictures)
    for name in pictures:
        assert os.path.getsize(os.path.join(ROOT, "docs", "page", name + ".png")) < 150_000, name
    assert "](docs/page/queue.png)" in read("README.md")
