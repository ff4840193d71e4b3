// Answers of any length from bounded memory: made piece by piece, the next when one is written.
#pragma once

#include "actors/endpoints/request.hpp"

#include <functional>
#include <memory>

namespace behalf::endpoints {

/// A JSON answer in the making. One that stays short goes out whole, with its length.
struct long_answer {
  header_list headers = {};
  std::string text = {};      // made and not yet written
  std::function<void()> more; // makes more: adds to `text`, then calls `go_on` or `complete`
};

/// Begins making the answer.
void make_answer(request_pointer self, std::shared_ptr<long_answer> out);

/// `text` may have grown. Writes it when there is enough, and has more made.
void go_on(request_pointer self);
/// True when `text` should be written before more is made.
bool enough(const long_answer& out);
/// `text` holds the rest.
void complete(request_pointer self);
/// Refuses; or, when a part of the answer is out already, cuts the connection, so that nobody
/// takes the part for the whole.
void break_off(request_pointer self, const error& why);

/// From now on the request ends when the client leaves.
void end_with_client(request_pointer self);

} // namespace behalf::endpoints
