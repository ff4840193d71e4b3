// A provider's API as pure code: how a request is worded, how an answer is read from its stream,
// what an error means. No I/O, no credentials.
#pragma once

#include "agents/models/answer.hpp"
#include "agents/models/model_options.hpp"
#include "behalf/chat_model.hpp"
#include "behalf/outbound.hpp"
#include "runtime/net/event_stream.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace behalf {

/// Reads one answer, event by event, as it arrives.
class answer_reader {
public:
  virtual ~answer_reader() = default;
  /// Adds what the event says to the answer. Error: upstream, with a kind (see below): the
  /// provider reports a failure inside the stream, or what it sent makes no sense.
  virtual result<void> take(const stream_event& event, answer& to) = 0;
  /// The provider has said that nothing follows. Of some APIs only the stream's end says so.
  virtual bool done() const { return false; }
  /// The stream has ended. Error: upstream of kind "model_stream_cut" when the answer is not whole:
  /// then nothing of it may be executed.
  virtual result<void> end(answer& to) = 0;
};

/// How a provider refused or failed, for the retry rules and for whoever reads the error.
struct model_failure {
  error why;          // kind: see below; a sentence for the person chatting, never a secret
  bool retry = false; // the same request may succeed later
  std::optional<std::chrono::milliseconds> after = {}; // what the provider asks to wait
};
// Kinds of errors: model_rate_limited, model_overloaded, model_quota_spent, model_refused_key,
// model_unknown, model_context_too_long, model_content_filtered, model_thinking_refused (what its
// models thought and was sent back), model_bad_request, model_stream_cut, model_unavailable. An
// answer itself may be model_answer_too_long, model_answer_invalid or model_too_slow.

class model_wire {
public:
  virtual ~model_wire() = default;
  /// POST, with a JSON body and a streamed reply; `path` is relative to the service's URL. Error:
  /// invalid_argument for what this provider cannot be asked (a role or block it has no word for).
  virtual result<http_operation> request(const model_options& model,
                                         const chat_request& what) const = 0;
  virtual std::unique_ptr<answer_reader> reader(const model_options& model) const = 0;
  /// A reply whose status is not 200. `body` is the first 64 KiB of it.
  virtual model_failure failure(int status, const header_list& headers,
                                std::string_view body) const = 0;
  /// Whether it can be held to this schema of its answer, while it is told of tools or not.
  virtual bool takes_schema(const model_options&, const json::object& schema,
                            bool with_tools) const = 0;
  /// As `ls_provider` and `model_provider` say: "openai", "anthropic", "google_genai", ….
  virtual std::string_view provider(const model_options& model) const = 0;
};

/// One for all models of the type.
const model_wire& wire_of(model_type type);

/// How many tools the model can be told of, and those that are asked when it fails.
std::size_t most_tools(const model_directory& all, std::string_view model);

/// A parameter of a model or a request, in a body in OpenAI's words: objects are merged, `tools`
/// and `include` join what is there (a server's own tools, say), null takes it out.
void add_parameter(json::object& body, std::string_view key, const json::value& v);

/// The provider's word for a request, which its support asks for; "" where the reply has none that
/// is a short word of plain characters.
std::string request_id_of(const header_list& headers);

/// What wires share in reading failures: Retry-After and retry-after-ms, x-should-retry, and the
/// statuses 408, 409, 429, 5xx. `message` is the provider's own, `code` its word for it. A status
/// below 400: the provider reported it inside the stream.
model_failure failure_of(int status, const header_list& headers, std::string_view message,
                         std::string_view code);

/// The answer makes no sense: "the model's provider sent `what`".
error unreadable_answer(std::string_view what);

/// The stream has ended, and the answer has not.
error cut_answer();

} // namespace behalf
