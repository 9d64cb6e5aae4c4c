"""
Messages that are right or wrong in one way, for whoever takes messages: POST /commands/add-messages and mailproxy.send_batch().

Each names what is put into a message that is fine otherwise (support.programs.message).
"""

# (field, value): "missing <field>".
BLANK = [("id", ""), ("from", ""), ("from", "  "), ("to", []), ("to", ""), ("to", [" ", ""]),
         ("to", " , "), ("account_id", "")]

# (field, value): "invalid <field>: ...".

HOSTILE_ADDRESSES = [
    "no-at-sign", "@example.com", "a@", "a@@b.test", "a b@c.test", "a@b c.test", "a@-b.test", "a@b..test", "a@.test",
    "x" * 65 + "@b.test", "a@" + "b" * 64 + ".test", "a@" + "b." * 130 + "test", "a@b.test\r\nRCPT TO:<evil@x.test>",
    "a@b.test\nBcc: evil@x.test", "a\x00@b.test", "Ann <a@b.test", "<a@b.test> trailing", "a@b.test>", "a@[300.1.1.1]",
    "\"unclosed@b.test", "a@b_c.test", ".a@b.test", "a..b@c.test", "a.@b.test",
    "=?utf-8?q?a=0D=0ABcc:?= <a@b.test>", "=?utf-8?b?YQpi?= <a@b.test>", "=?utf-8?q?a=1B?= <a@b.test>", "a@\u00ad",
]
INVALID = (
    [("from", v) for v in HOSTILE_ADDRESSES]
    + [("to", [v]) for v in HOSTILE_ADDRESSES]
    + [(f, v) for f in ("cc", "bcc", "reply_to", "return_path") for v in HOSTILE_ADDRESSES[:1] + HOSTILE_ADDRESSES[12:15]]
    + [("from", 5), ("from", ["a@b.test"]), ("to", 5), ("to", {}), ("to", ["a@b.test", 5]), ("cc", 5), ("bcc", {"a": 1}),
       ("reply_to", 5), ("return_path", ["a@b.test"]), ("from", "a@b.test, c@d.test"), ("return_path", "a@b.test, c@d.test")]
    + [("subject", 5), ("subject", ["x"]), ("subject", "a\r\nBcc: evil@x.test"), ("subject", "a\nb"), ("subject", "a\x00b")]
    + [("body", 5), ("body", {}), ("body", "a\x00b"), ("content_type", 5), ("content_type", "html\x00")]
    + [("id", 5), ("id", "x" * 256), ("id", "a\x00b"), ("id", "a\r\nX-Evil: 1"), ("id", "a\tb"), ("id", "a\x7f")]
    + [("account_id", 5), ("account_id", "a\x00b"), ("tenant_id", 5), ("tenant_id", "a\x00b")]
    + [("batch_code", 5), ("batch_code", "x" * 65), ("batch_code", "\u00e4" * 65), ("batch_code", "a,b"), ("batch_code", "a\x00b")]
    + [("message_id", 5), ("message_id", "<a@b>\r\nX-Evil: 1"), ("message_id", "a\x00b")]
    + [("deferred_ts", "tomorrow"), ("deferred_ts", []), ("deferred_ts", 1.5), ("deferred_ts", 10**20)]
    + [("priority", "low\x00"), ("priority", "\x00"), ("deferred_ts", "1\x00"), ("deferred_ts", {})]
    + [("headers", v) for v in ("X: y", [], {"": "v"}, {"X Y": "v"}, {"X:Y": "v"}, {"Ü": "v"}, {"X\r\nEvil": "v"},
                                {"X-A": "a\r\nEvil: 1"}, {"X-A": "a\nb"}, {"X-A": "a\x00b"}, {"X-A": ["a"]}, {"X-A": {}},
                                {"Bcc": "a@b.test"}, {"bcc": "a@b.test"}, {"Return-Path": "x"}, {"Content-Type": "x"},
                                {"content-transfer-encoding": "x"}, {"MIME-Version": "2.0"}, {"X" * 1000: "v"})]
    + [("attachments", v) for v in (
        "file", {}, ["file"], [5], [{}], [{"filename": "a.txt"}], [{"filename": 5, "content": "YQ=="}],
        [{"filename": "a\r\nb.txt", "content": "YQ=="}], [{"filename": "a\x00b", "content": "YQ=="}],
        [{"filename": "a.txt", "content": 5}], [{"filename": "a.txt", "content": "no base64 !"}],
        [{"filename": "a.txt", "storage_path": 5}], [{"filename": "a.txt", "storage_path": ""}],
        [{"filename": "a.txt", "storage_path": "p", "fetch_mode": "carrier-pigeon"}],
        [{"filename": "a.txt", "storage_path": "p", "content_md5": "xyz"}],
        [{"filename": "a.txt", "url": "ftp://host/file"}], [{"filename": "a.txt", "s3": "bucket"}],
        [{"filename": "a.txt", "s3": {"bucket": "b"}}], [{"filename": "a.txt", "storage_path": "p", "auth": "basic"}],
        [{"filename": "a.txt", "content": "YQ==", "mime_type": "text/plain\r\nX: y"}])]
)

# Fields of messages that are taken.
ACCEPTED = [
    {"from": "Ann <ann@example.com>"}, {"from": "=?utf-8?q?J=C3=BCrgen?= <j@example.com>"}, {"from": "Jürgen Müller <j@example.com>"}, {"from": "jürgen@bücher.example"},
    {"to": "a@b.test, c@d.test"}, {"to": ["Ann the first <a@b.test>", "", "c@d.test"]},
    {"to": ["\"Doe, John\" <j@b.test>"]}, {"to": ["\"quoted part\"@b.test"]}, {"to": ["a@[192.0.2.1]"]},
    {"to": ["用户@例子.test"]}, {"cc": None, "bcc": None, "reply_to": None, "return_path": None, "headers": None,
                                 "attachments": None, "batch_code": None, "deferred_ts": None, "priority": None,
                                 "message_id": None, "content_type": None, "body": None},
    {"reply_to": "a@b.test, c@d.test"}, {"return_path": "<>"}, {"return_path": ""}, {"message_id": "GNR_12345"}, {"message_id": "<>"},
    {"headers": {"X-Number": 5, "X-Null": None, "X-True": True, "List-Unsubscribe": "<https://x.test>"}},
    {"content_type": "anything"}, {"body": ""}, {"unknown": {"deep": [1, 2, 3]}}, {"deferred_ts": 1}, {"deferred_ts": "1"}, {"deferred_ts": -2**63},
    {"batch_code": "x" * 64}, {"batch_code": "\u00e4" * 64}, {"id": "x" * 255}, {"id": "\u00e4" * 127}, {"id": "a b/c?d,e:f"}, {"subject": "ä" * 2000},
    {"attachments": []}, {"attachments": [{"filename": "a.txt", "content": "YQ=="}]},
    {"attachments": [{"content": "YQ"}]}, {"attachments": [{"filename": "a", "storage_path": "base64:YQ==", "colour": 1}]},
    {"attachments": [{"url": "https://example.com/dir/file.pdf?x=1"}]},
    {"attachments": [{"s3": {"bucket": "b", "key": "k/name.pdf"}}]},
    {"attachments": [{"filename": "f.pdf", "storage_path": "home:f.pdf", "fetch_mode": "endpoint",
                      "content_md5": "d41d8cd98f00b204e9800998ecf8427e", "mime_type": None}]},
]

PRIORITIES = [
    # given, stored
    (0, 0), (3, 3), (9, 3), (-1, 0), ("2", 2), ("immediate", 0), ("HIGH", 1), ("Medium", 2), ("low", 3), (None, 2),
    ("whatever", 2), ([], 2), (3.0, 3), (-7.5, 0), (1e300, 3), (10**30, 3), ("99", 3), ("-1", 0), (True, 1), (1.5, 2), ("", 2), ({}, 2),
    ("Immediate", 0), ("LOW", 3), (" high", 2),
]

# Attachments in both dialects, and what is made of them.
ATTACHMENTS = [
    # given, file name, how it is fetched
    ({"storage_path": "f.pdf"}, "f.pdf", "endpoint"),
    ({"storage_path": "home:docs/f.pdf"}, "f.pdf", "endpoint"),
    ({"storage_path": "volume:f.pdf"}, "f.pdf", "endpoint"),
    ({"storage_path": "/srv/files/f.pdf"}, "f.pdf", "filesystem"),
    ({"storage_path": "https://h.test/d/f.pdf?x=/y#z"}, "f.pdf", "http_url"),
    ({"storage_path": "HTTP://h.test/f.pdf"}, "f.pdf", "http_url"),
    ({"storage_path": "https://h.test/d/"}, "file.bin", "http_url"),
    ({"storage_path": "base64:YQ=="}, "file.bin", "base64"),
    ({"storage_path": "YQ==", "fetch_mode": "base64"}, "file.bin", "base64"),
    ({"storage_path": "base64:YQ==", "fetch_mode": "base64", "filename": "a.txt"}, "a.txt", "base64"),
    ({"storage_path": "/srv/f.pdf", "fetch_mode": "endpoint"}, "f.pdf", "endpoint"),
    ({"storage_path": "https://h.test/f.pdf", "fetch_mode": "endpoint"}, "f.pdf", "endpoint"),
    ({"storage_path": "f.pdf", "filename": "other.pdf"}, "other.pdf", "endpoint"),
    ({"storage_path": "f.pdf", "filename": None, "fetch_mode": None, "mime_type": None, "content_md5": None, "auth": None}, "f.pdf", "endpoint"),
    ({"content": "YQ=="}, "file.bin", "base64"),
    ({"content": "YQ", "filename": "a.txt"}, "a.txt", "base64"),
    ({"url": "https://h.test/d/f.pdf?x=1"}, "f.pdf", "http_url"),
    ({"s3": {"bucket": "b", "key": "d/f.pdf", "colour": "red"}}, "f.pdf", "endpoint"),
    ({"s3": {"bucket": "b", "key": "k.pdf"}, "url": "https://h.test/u.pdf", "content": "YQ=="}, "k.pdf", "endpoint"),
    ({"url": "https://h.test/u.pdf", "content": "YQ=="}, "u.pdf", "http_url"),
    ({"url": None, "s3": None, "content": "YQ==", "filename": ""}, "file.bin", "base64"),
]
