// Requests of the API that the server makes of a client's one (a command, a call of JSON-RPC): for
// the same caller, so with the same rules, bounds and rights.
#pragma once

#include "actors/endpoints/request.hpp"
#include "runtime/base/json.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace behalf::endpoints {

struct inner_request {
  verb method;
  std::vector<std::string> path; // its segments
  json::value body = nullptr;    // null: none
  query_params query = {};
  // Of a run's event stream: its last event is `result`, which says what a wait would be answered,
  // also when events were lost.
  bool with_result = false;
};

/// The whole answer; of an event stream the status and headers alone, when it has ended. 500 also
/// when the inner request ended without an answer.
struct inner_answer {
  unsigned status;
  header_list headers;
  std::string text;
  fair_budget::share_ptr room; // what the text is counted in, with what is made of it
};

/// A part of an event stream. The next one comes after `taken` was called.
struct inner_part {
  std::string text;
  std::function<void()> taken;
};

using on_inner_answer = std::function<void(inner_answer&)>;
using on_inner_part = std::function<void(inner_part&)>;

class inner_exchange;

/// Of a request that makes others, one at a time. When it ends, the client of the one under way,
/// which it is, has left.
struct inner_calls {
  inner_calls() = default;
  inner_calls(const inner_calls&) = delete;
  inner_calls& operator=(const inner_calls&) = delete;
  ~inner_calls();

  sealed_ptr sealed; // of the caller
  presented_ptr credentials;
  on_inner_answer on_answer;
  on_inner_part on_part;
  std::weak_ptr<inner_exchange> under_way; // its request's: without one it is over
};

/// Makes the request; `then` runs once. With `on_part` an event stream's parts come one by one;
/// without it they are the answer's text.
void make_request(request_pointer self, inner_request asked, on_inner_answer then,
                  on_inner_part on_part = nullptr);

/// The answer as JSON, counted as long as it is held; null where there is no text. Error: as
/// `claim`.
result<json::value> parse_answer(request_pointer self, const inner_answer& answered);

/// The server stops: the request under way ends if it only follows what others do.
void drain_inner(request_pointer self);

/// For request.cpp.
void on_inner(request_pointer self, inner_answer& answered);
void on_inner(request_pointer self, inner_part& part);

} // namespace behalf::endpoints

BEHALF_MESSAGE(behalf::endpoints::inner_answer)
BEHALF_MESSAGE(behalf::endpoints::inner_part)
