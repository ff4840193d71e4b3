// JSON-RPC 2.0, as endpoints answer it.
#pragma once

#include "actors/endpoints/inner_request.hpp"
#include "runtime/base/asked_fields.hpp"
#include "runtime/net/json_rpc.hpp"

#include <string>
#include <string_view>

namespace behalf::endpoints {

/// Tells a listening test the fields of a call, which are read without a body_reader.
inline void note_rpc_fields() {
  for (auto key : {"jsonrpc", "id", "method", "params"})
    asked_fields::note(key, "any");
}

/// Sends what is the last of the answer: JSON, or events that are framed already. If there is no
/// room for it the client gets an error about `id` instead.
void send_rpc_last(request_pointer self, const json::value& id, bool as_events, unsigned status,
                   std::string text, header_list headers = {});

/// A request made of a call was refused: in which words, with which status and fields.
struct rpc_refusal {
  bool of_server = false; // no fault of the call
  unsigned status = 200;
  std::string detail;
  header_list headers;
};
rpc_refusal rpc_refusal_of(const inner_answer& refused);

} // namespace behalf::endpoints
