// Plays a connector's driver and its upstream: answers calls from a script, streams bodies in
// pieces of any size, and writes down what was asked.
#pragma once

#include "connectors/connector.hpp"
#include "connectors/service_options.hpp"

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// One answer of the upstream. A call that wants a stream gets the body in pieces.
struct scripted_reply {
  unsigned status = 200;
  header_list headers = {};
  std::string body = {};
  std::optional<error> failure = {};   // instead of a reply
  std::optional<error> break_off = {}; // instead of the stream's end
  std::shared_ptr<const text_scrubber> scrub = {};
};

class scripted_upstream {
public:
  using answer = std::function<scripted_reply(const outbound_call&)>;

  explicit scripted_upstream(answer how, std::size_t piece = 1u << 20)
    : how_(std::move(how)), piece_(piece) {}
  explicit scripted_upstream(std::deque<scripted_reply> script, std::size_t piece = 1u << 20)
    : script_(std::move(script)), piece_(piece) {
    how_ = [this](const outbound_call&) {
      if (script_.empty())
        return scripted_reply{599};
      auto next = std::move(script_.front());
      script_.pop_front();
      return next;
    };
  }

  /// Drives the machine to its end.
  result<service_reply> run(connector& machine) {
    auto next = machine.start();
    for (int steps = 0; steps < 200'000; ++steps) {
      if (auto* end = std::get_if<connector::done>(&next))
        return std::move(end->reply);
      if (auto* call = std::get_if<outbound_call>(&next))
        next = machine.resume(send(std::move(*call)));
      else if (auto* pull = std::get_if<connector::pull_chunk>(&next))
        next = machine.resume_chunk(read(pull->stream_id));
      else if (auto* close = std::get_if<connector::close_stream>(&next)) {
        closed += open_.erase(close->stream_id);
        next = machine.proceed();
      } else if (auto* in = std::get_if<connector::in_session>(&next)) {
        sessions.push_back(std::move(in->session.id));
        next = machine.proceed();
      } else if (auto* said = std::get_if<connector::emit>(&next)) {
        emitted.push_back(std::move(said->what));
        next = machine.proceed();
      } else {
        pauses.push_back(std::get<connector::pause>(next).time);
        next = machine.proceed();
      }
    }
    return fail(errc::internal, "the machine does not come to an end");
  }

  std::size_t left() const { return script_.size(); }
  std::size_t open() const { return open_.size(); }

  std::vector<outbound_call> calls;
  std::vector<std::chrono::milliseconds> pauses;
  std::vector<std::string> sessions; // the machine said it uses
  std::vector<json::object> emitted;
  std::size_t closed = 0; // streams the machine ended early

private:
  struct stream {
    std::string rest;
    std::optional<error> break_off;
  };

  result<outbound_reply> send(outbound_call call) {
    calls.push_back(std::move(call));
    auto said = how_(calls.back());
    if (said.failure)
      return *said.failure;
    outbound_reply reply;
    reply.status = said.status;
    reply.headers = std::move(said.headers);
    reply.scrub = std::move(said.scrub);
    reply.receipt = static_cast<int64_t>(calls.size());
    if (calls.back().stream) {
      reply.stream_id = ++last_stream_;
      open_[reply.stream_id] = {std::move(said.body), std::move(said.break_off)};
    } else {
      reply.body = std::move(said.body);
    }
    return reply;
  }

  result<outbound_chunk> read(uint64_t id) {
    const auto found = open_.find(id);
    if (found == open_.end())
      return fail(errc::not_found, "no such stream");
    auto& [rest, break_off] = found->second;
    if (rest.empty() && break_off) {
      auto why = *break_off;
      open_.erase(found);
      return why;
    }
    outbound_chunk chunk{rest.substr(0, piece_), rest.size() <= piece_ && !break_off};
    rest.erase(0, piece_);
    if (chunk.last)
      open_.erase(found);
    return chunk;
  }

  std::deque<scripted_reply> script_;
  answer how_;
  std::size_t piece_;
  std::map<uint64_t, stream> open_;
  uint64_t last_stream_ = 0;
};

/// A service of that type at https://up.example/base or …/mcp.
inline service_options scripted_service(service_type type) {
  service_options service;
  service.name = "up";
  service.type = type;
  service.url = type == service_type::mcp ? "https://up.example/mcp" : "https://up.example/base";
  return service;
}

inline caller scripted_caller(const std::string& subject = "alice") {
  return {{"acme", "https://id.example", subject}, {"handle-of-" + subject}, "run-of-" + subject};
}

} // namespace behalf
