// Answers of any length from bounded memory: each part is made when the one before is written.
#pragma once

#include "actors/endpoints/request.hpp"

#include <functional>
#include <memory>

namespace behalf::endpoints {

/// A JSON answer being made. A short one is sent whole, with its length.
struct long_answer {
  header_list headers = {};
  std::string text = {};      // not yet written
  std::function<void()> more; // appends to `text`, then calls `go_on` or `complete`
  bool has_elements = false;  // of the list it is, or holds
};

/// Adds an element to the list, as JSON text.
void add_element(long_answer& out, std::string_view element);

/// Begins making the answer.
void make_answer(request_pointer self, std::shared_ptr<long_answer> out);

/// Writes `text` when it is long enough, else has more made.
void go_on(request_pointer self);
/// Whether `text` is long enough to be written.
bool enough(const long_answer& out);
/// `text` is the rest: writes it.
void complete(request_pointer self);
/// Refuses; or, when a part was sent already, closes the connection, so that the client sees that
/// the answer is incomplete.
void break_off(request_pointer self, const error& why);

/// From now on the request ends when the client leaves.
void end_with_client(request_pointer self);

} // namespace behalf::endpoints
