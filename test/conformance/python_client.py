#!/usr/bin/env python3
"""A client of Cordon made with nothing but proto/ and the stock gRPC tools of Python.

Lists the devices, isolates one, and prints both answers as one JSON object.

Usage: python_client.py GENERATED_DIR HOST:PORT CA_FILE DEVICE
The token comes from the environment variable CORDON_TOKEN.
GENERATED_DIR is what this makes:
  python3 -m grpc_tools.protoc -Iproto --python_out=DIR --grpc_python_out=DIR proto/cordon/v1/*.proto
"""

import json
import os
import sys
import uuid

import grpc
from google.protobuf.json_format import MessageToDict

# Every certificate of a Cordon server has this name: the CA is what is trusted, not the address.
SERVER_NAME = "server.cordon.internal"
DEADLINE_SECONDS = 10


def open_channel(address, ca_file):
    with open(ca_file, "rb") as file:
        credentials = grpc.ssl_channel_credentials(root_certificates=file.read())
    return grpc.secure_channel(
        address,
        credentials,
        options=[
            ("grpc.ssl_target_name_override", SERVER_NAME),
            ("grpc.enable_http_proxy", 0),
        ],
    )


def main(generated, address, ca_file, device):
    sys.path.insert(0, generated)
    from cordon.v1 import device_service_pb2, device_service_pb2_grpc
    from cordon.v1 import isolation_service_pb2, isolation_service_pb2_grpc

    bearer = (("authorization", "Bearer " + os.environ["CORDON_TOKEN"]),)
    with open_channel(address, ca_file) as channel:
        devices = device_service_pb2_grpc.DeviceServiceStub(channel)
        isolation = isolation_service_pb2_grpc.IsolationServiceStub(channel)
        listing = devices.ListDevices(
            device_service_pb2.ListDevicesRequest(page_size=10),
            metadata=bearer,
            timeout=DEADLINE_SECONDS,
        )
        orders = isolation.IsolateDevices(
            isolation_service_pb2.IsolateDevicesRequest(
                devices=[device],
                reason="asked for by the Python client",
                request_id=str(uuid.uuid4()),
            ),
            metadata=bearer,
            timeout=DEADLINE_SECONDS,
        )
    print(json.dumps({"list": MessageToDict(listing), "isolate": MessageToDict(orders)}))


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except grpc.RpcError as error:
        sys.exit(f"{error.code().name}: {error.details()}")
