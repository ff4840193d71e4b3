// What goes out: a call on a service as a node words it, and as one HTTP request. Neither can
// hold a credential: the place for one is a sealed handle.
#pragma once

#include "behalf/json.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace behalf {

class text_scrubber;

/// Header fields in order; names compare without case.
using header_list = std::vector<std::pair<std::string, std::string>>;

/// The first field of that name, or nullptr.
const std::string* find_header(const header_list& headers, std::string_view name);
const std::string* find_header(const header_list&& headers, std::string_view name) = delete;

/// A reference to a credential: random, meaningless outside this process, bound to a principal,
/// a run, a service, its hosts and an expiry.
struct sealed_handle {
  std::string id;
  bool empty() const { return id.empty(); }
};

/// One HTTP request on its way out, still without its credential.
struct outbound_call {
  std::string service; // its name in the configuration: decides hosts, credential and limits
  std::string method = "GET";
  std::string url; // absolute
  header_list headers;
  std::string body;
  sealed_handle handle;                      // empty: the service takes no credential
  bool stream = false;                       // the reply's body is pulled chunk by chunk
  std::chrono::milliseconds timeout{30'000}; // to the reply's head, and between chunks
};

/// What came back, its bytes scrubbed of the credential. What is decoded from them is to be
/// scrubbed again: the registry sees to it for every connector.
struct outbound_reply {
  unsigned status = 0;
  header_list headers;
  std::string body;
  uint64_t stream_id = 0; // not 0: the body follows, to be pulled
  int64_t receipt = 0;    // number of the audit line that was durable before the bytes left
  std::shared_ptr<const text_scrubber> scrub = {}; // null: the call took no credential
};

struct outbound_chunk {
  std::string bytes;
  bool last = false;
};

/// An HTTP request to a service, relative to its base URL.
struct http_operation {
  std::string method = "GET";
  std::string path; // "/api/messages?unread=true"; never another host
  header_list headers = {};
  std::optional<json::value> body = {}; // sent as application/json
  bool stream = false;
};

/// MCP `tools/list`, all pages.
struct list_tools_operation {};

/// MCP `tools/call`.
struct call_tool_operation {
  std::string name;
  json::object arguments = {};
};

/// What a node asks of a service it names.
struct service_call {
  std::string service;
  std::variant<http_operation, list_tools_operation, call_tool_operation> operation;
};

/// A request to a chat model's provider; what `ask_model` (chat_model.hpp) makes of a question.
struct model_call {
  std::string model; // in `models` of the configuration
  http_operation what;
  std::shared_ptr<std::atomic<bool>> sent = {}; // set once it was written
};

/// HTTP: status, headers, body (JSON if it is, else a string), or a stream to pull.
/// MCP: `body` is the result object ({"tools": […]} or {"content": […], "isError": …}).
struct service_reply {
  int status = 200;
  header_list headers;
  json::value body;
  uint64_t stream_id = 0;
  int64_t receipt = 0;
  std::shared_ptr<const text_scrubber> scrub = {}; // of a stream, as of outbound_reply
};

} // namespace behalf
