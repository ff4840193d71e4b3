// What a client of the A2A protocol sends: messages, made into the input of a run or the answer to
// a run's question. Both versions of the protocol that clients speak, 0.3 and 1.0.
#pragma once

#include "behalf/error.hpp"
#include "behalf/json.hpp"
#include "runtime/base/shape.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace behalf::endpoints {

/// The errors of the protocol, by the names its clients give them (`error::kind`).
namespace a2a_error {
constexpr std::string_view invalid_request = "InvalidRequestError";
constexpr std::string_view method_not_found = "MethodNotFoundError";
constexpr std::string_view task_not_found = "TaskNotFoundError";
constexpr std::string_view not_cancelable = "TaskNotCancelableError";
constexpr std::string_view no_push_notifications = "PushNotificationNotSupportedError";
constexpr std::string_view unsupported_operation = "UnsupportedOperationError";
constexpr std::string_view content_type = "ContentTypeNotSupportedError";
constexpr std::string_view version = "VersionNotSupportedError";
} // namespace a2a_error

error a2a_fault(std::string_view kind, std::string message);
/// The code of JSON-RPC for an error; of one without a kind that of wrong parameters.
int a2a_code(const error& why);

/// A part of a message: its value is a text, any data, or a file as a block of a message's content.
struct a2a_part {
  enum class type : uint8_t { text, data, file } is;
  json::value value;
  std::string media_type = {}; // of a file, as the client says it
};

struct a2a_message {
  std::string id, context_id, task_id; // empty where the client names none
  bool of_user = true;
  std::vector<a2a_part> parts;
  json::object metadata;               // the client's own
  std::optional<json::object> command; // as of a run
  json::array sent;                    // the parts as they were sent; empty when there are files

  bool has(a2a_part::type what) const;
};

/// Reads `params.message`. Error: what is wrong with it.
result<a2a_message> read_a2a_message(const json::object& params, const shape_limits& bounds);

/// The input of a run: text and files are a message of the graph's `messages`, data are members
/// beside. Takes the parts. Error: data that is no object.
result<json::object> input_of(a2a_message& message);

/// The answer to a question: text, the data of a single part (or what it has as `resume`), or, with
/// files, the content of a message. Takes the parts.
result<json::value> answer_of(a2a_message& message);

/// Whether one of these media types, such as image/png or image/*, stands for `type`.
bool accepts_media_type(const std::vector<std::string>& modes, std::string_view type);

} // namespace behalf::endpoints
