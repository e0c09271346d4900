"""A client of another language: Google's own for Python, with code it generates from the checked-in files.

foreign.py PROTO_DIR ADDRESS KEY: publishes a version with a file, reads its deliveries, prints what it was told.
"""

import json
import sys
import tempfile
from pathlib import Path

import grpc
from grpc_tools import protoc

root, address, key = sys.argv[1:]
out = tempfile.mkdtemp()
files = [str(path.relative_to(root)) for path in sorted(Path(root).glob("waybill/v1/*.proto"))]
include = str(Path(protoc.__file__).parent / "_proto")
if protoc.main(["protoc", f"-I{root}", f"-I{include}", f"--python_out={out}", f"--grpc_python_out={out}", *files]):
    sys.exit("the files do not compile")
sys.path.insert(0, out)
from waybill.v1 import deliveries_pb2, deliveries_pb2_grpc, reports_pb2, reports_pb2_grpc  # noqa: E402

metadata = [("authorization", f"Bearer {key}")]
content = b"1,2,3\n" * 500
artifact = reports_pb2.Artifact(name="a.csv", format="csv")
description = reports_pb2.Description(report="risk", version="python", artifacts=[artifact])
description.attributes["level"].int = 3


def parts():
    yield reports_pb2.PublishRequest(description=description)
    for at in range(0, len(content), 1000):
        piece = reports_pb2.Piece(name="a.csv", content=content[at : at + 1000], last=at + 1000 >= len(content))
        yield reports_pb2.PublishRequest(piece=piece)


with grpc.insecure_channel(address) as channel:
    published = reports_pb2_grpc.ReportsStub(channel).Publish(parts(), metadata=metadata, timeout=30)
    which = deliveries_pb2.ListDeliveriesRequest(distribution=published.distribution)
    later = [*metadata, ("waybill-at-least-position", str(published.position))]
    rows = deliveries_pb2_grpc.DeliveriesStub(channel).List(which, metadata=later, timeout=30).rows
    try:
        deliveries_pb2_grpc.DeliveriesStub(channel).List(which, timeout=30)
        refused = None
    except grpc.RpcError as error:
        refused = error.code().name
print(json.dumps({"distribution": published.distribution, "to": [row.recipient for row in rows], "refused": refused}))
