"""Makes testdata/aggregates.ndjson: aggregates as AWS' own Python package (Apache-2.0) writes them.

    pip install aws-kinesis-agg==1.2.3 six protobuf
    python interop/aggregates/golden.py > testdata/aggregates.ndjson
"""
import json
from aws_kinesis_agg.aggregator import RecordAggregator
CASES = {
    "one record": [("key", None, b"data")],
    "one key, many records": [("customer-7", None, b"%d" % n) for n in range(200)],
    "keys and hash keys": [
        ("a", None, b"first"),
        ("b", "0", b"second"),
        ("a", "340282366920938463463374607431768211455", b"third"),
        ("b", "0", b""),
        ("ключ", "170141183460469231731687303715884105728", "данные".encode()),
    ],
    "empty data": [("k", None, b""), ("k", None, b"")],
    "long": [("k" * 256, None, bytes(range(256)) * 2), ("l", None, b"\xf3\x89\x9a\xc2")],
}
for name, records in CASES.items():
    agg = RecordAggregator()
    for key, hash_key, data in records:
        full = agg.add_user_record(key, data, hash_key)
        assert full is None
    outer = agg.clear_and_get()
    key, hash_key, content = outer.get_contents()
    print(json.dumps({
        "name": name,
        "aggregate": bytes(content).hex(),
        "records": [{"partition_key": k, "explicit_hash_key": h, "data": d.hex()} for k, h, d in records],
    }, ensure_ascii=False))
