"""Makes the calls of the contract suite with the official Python packages.

Reads one JSON document from standard input, {"target", "calls"}, and prints the outcomes as JSON.
The services are learnt by reflection; nothing is generated.
"""

import json
import sys
import threading

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from google.rpc import status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_status import rpc_status


def code_name(code):
    name = code.name.lower()
    return "canceled" if name == "cancelled" else name


def reason_of(error, pool):
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        if detail.type_url.endswith("/tidemill.common.v1.ErrorInfo"):
            info = detail_class(pool)()
            detail.Unpack(info)
            return info.reason
    return None


def detail_class(pool):
    descriptor = pool.FindMessageTypeByName("tidemill.common.v1.ErrorInfo")
    return message_factory.GetMessageClass(descriptor)


def make_call(channel, pool, call):
    method = pool.FindServiceByName(call["service"]).FindMethodByName(call["method"])
    request_class = message_factory.GetMessageClass(method.input_type)
    response_class = message_factory.GetMessageClass(method.output_type)
    path = f"/{call['service']}/{call['method']}"
    request = json_format.ParseDict(call["request"], request_class()).SerializeToString()
    request += bytes.fromhex(call.get("unknown_tag", "")) + b"\0" * call.get("unknown_size", 0)
    stream = channel.unary_stream(path, lambda data: data, response_class.FromString)
    messages = []
    try:
        responses = stream(request, timeout=call.get("timeout"))
        for response in responses:
            messages.append(json_format.MessageToDict(response))
            if len(messages) == call.get("cancel_after"):
                responses.cancel()
        return {"messages": messages}
    except grpc.RpcError as error:
        return {
            "messages": messages,
            "error": {
                "code": code_name(error.code()),
                "message": error.details(),
                "reason": reason_of(error, pool),
            },
        }


def watch_health(channel):
    """The first status that Watch tells, and the answer of Check."""
    stub = health_pb2_grpc.HealthStub(channel)
    request = health_pb2.HealthCheckRequest()
    watching = stub.Watch(request, timeout=10)
    first = next(iter(watching)).status
    watching.cancel()
    check = stub.Check(request, timeout=10).status
    names = health_pb2.HealthCheckResponse.ServingStatus
    return {"watch": names.Name(first), "check": names.Name(check)}


def main():
    work = json.load(sys.stdin)
    options = [("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(work["target"], options=options) as channel:
        reflection = ProtoReflectionDescriptorDatabase(channel)
        pool = descriptor_pool.DescriptorPool(reflection)
        # The error's detail is used by no method, so reflection is not asked for it by itself.
        reflection.FindFileContainingSymbol(work["calls"][0]["service"])
        outcomes = [make_call(channel, pool, call) for call in work["calls"]]
        services = sorted(reflection.get_services())
        health = watch_health(channel)
    foreign = options + [("grpc.default_authority", "tidemill.example.org")]
    with grpc.insecure_channel(work["target"], options=foreign) as channel:
        refused = make_call(channel, pool, work["calls"][0])
    json.dump(
        {"outcomes": outcomes, "services": services, "health": health, "refused": refused},
        sys.stdout,
    )


if __name__ == "__main__":
    main()
