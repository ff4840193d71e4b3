#include "agents/safety/authorship.hpp"

#include "agents/tools/results.hpp"
#include "behalf/messages.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/json.hpp"
#include "runtime/graph/messages.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace behalf {
namespace {

constexpr std::size_t kept_digits = 32;

// Not what the user says with their own words.
bool is_claimed(const json::object& message) {
  const auto type = string_or(message, "type");
  return type != "human" && type != "system" && type != "remove";
}

// Of what a model reads of it.
std::string digest_of(const json::object& message) {
  json::array calls;
  if (const auto* made = member(message, "tool_calls"); made && made->is_array())
    for (const auto& one : made->get_array()) {
      static const json::object none;
      const auto& call = one.is_object() ? one.get_object() : none;
      calls.push_back(
        json::array{string_or(call, "id"), string_or(call, "name"), object_or_empty(call, "args")});
    }
  const auto* content = member(message, "content");
  return sha256_hex(
           dump(json::array{string_or(message, "type"), content ? *content : json::value(nullptr),
                            std::move(calls), string_or(message, "tool_call_id")}))
    .substr(0, kept_digits);
}

void sign(json::object& changes) {
  const auto* written = member(changes, "messages");
  auto all = written ? to_messages(*written) : json::array{};
  if (!all)
    return; // the channel says what is wrong with them
  json::array digests;
  for (const auto& one : *all)
    if (one.is_object() && is_claimed(one.get_object()))
      digests.emplace_back(digest_of(one.get_object()));
  if (!digests.empty())
    changes[written_channel] = std::move(digests);
}

// What Agent Chat UI sends for calls that a person left alone: nobody's words.
bool is_filler(const json::value& message) {
  return text_of(message) == "Successfully handled tool call." && message.at("content").is_string();
}

// Views into the state, for who looks for many.
std::set<std::string_view> written_digests(const state_view& state) {
  std::set<std::string_view> all;
  for (const auto& one : state.list(written_channel))
    if (one.is_string())
      all.insert({one.get_string().data(), one.get_string().size()});
  return all;
}

} // namespace

node_result with_signature(node_result became) {
  if (auto* changes = std::get_if<flow::update>(&became.value))
    sign(changes->values);
  else if (auto* command = std::get_if<flow::command>(&became.value))
    sign(command->values);
  return became;
}

coroutine<node_result> signing(coroutine<node_result> node) {
  co_return with_signature(co_await std::move(node));
}

bool is_written(const state_view& state, const json::object& message) {
  const auto& all = state.list(written_channel);
  const json::value digest(digest_of(message));
  return std::find(all.rbegin(), all.rend(), digest) != all.rend();
}

json::array results_of_clients(const state_view& state) {
  constexpr std::string_view sentence =
    "The user sent another message before this call had a result: it was not made, or its outcome "
    "is unknown. Find out before you call the tool once more.";
  const auto& messages = state.list("messages");
  const auto written = written_digests(state);
  json::array all;
  std::set<std::string_view> called;
  std::vector<const json::object*> results;
  for (auto at = messages.rbegin(); at != messages.rend() && called.empty(); ++at) {
    if (!at->is_object())
      continue;
    const auto& message = at->get_object();
    if (string_or(message, "type") == "tool")
      results.push_back(&message);
    else if (const auto& calls = tool_calls_of(*at); !calls.empty()
                                                     && string_or(message, "type") == "ai"
                                                     && written.contains(digest_of(message)))
      for (const auto& call : calls)
        called.insert(string_or(call.as_object(), "id"));
  }
  for (const auto* one : results) {
    const auto call = string_or(*one, "tool_call_id");
    if (!called.contains(call) || written.contains(digest_of(*one)))
      continue;
    auto told = tool_error(call, string_or(*one, "name"), sentence);
    told["id"] = one->at("id");
    all.push_back(std::move(told));
  }
  return all;
}

taint taint_by_clients(const state_view& state) {
  const auto written = written_digests(state);
  taint seen;
  for (const auto& one : state.list("messages"))
    if (one.is_object() && is_claimed(one.get_object()) && !is_filler(one)
        && !written.contains(digest_of(one.get_object()))) {
      const auto call = string_or(one.get_object(), "tool_call_id");
      add_source(seen.untrusted, "client", call);
      if (string_or(one.get_object(), "type") == "tool") // a result, maybe of another graph here
        add_source(seen.personal, "client", call);
    }
  return seen;
}

} // namespace behalf
