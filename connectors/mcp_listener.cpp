#include "connectors/mcp_listener.hpp"

#include "connectors/mcp_messages.hpp"

#include <algorithm>

namespace behalf {
namespace {

using namespace std::chrono_literals;

// Bounds of one stream; beyond them it is opened anew.
constexpr std::size_t most_bytes = 1u << 20;
constexpr int most_requests = 64;
constexpr auto longest_quiet = 300'000ms;

constexpr int most_openings = 100;
constexpr int most_failures = 5; // in a row
constexpr auto first_pause = 1'000ms, longest_pause = 30'000ms;

bool may_pass(unsigned status) {
  return status == 409 || status == 429 || status >= 500; // 409: it has not seen the last one end
}

} // namespace

mcp_listener::step mcp_listener::open() {
  state_ = waiting::for_stream;
  ++openings_;
  received_ = 0;
  requests_ = 0;
  ended_ = false;
  answers_.clear(); // to a stream that broke
  auto get = mcp_get(*service_, session_, events_.last_id());
  get.timeout = longest_quiet;
  return get;
}

mcp_listener::step mcp_listener::resume(result<outbound_reply> reply) {
  if (state_ == waiting::for_stream)
    return reply ? read_head(*reply) : open_later();
  state_ = waiting::for_bytes; // the reply to our answer is ignored
  return go_on();
}

mcp_listener::step mcp_listener::read_head(outbound_reply& reply) {
  status_ = reply.status;
  stream_ = reply.stream_id;
  if (!is_event_stream(reply))
    return may_pass(status_) ? open_later() : finish();
  state_ = waiting::for_bytes;
  failures_ = 0;
  events_.reconnected();
  return take(reply.body, stream_ == 0);
}

mcp_listener::step mcp_listener::resume_chunk(result<outbound_chunk> chunk) {
  if (chunk)
    return take(chunk->bytes, chunk->last);
  stream_ = 0; // an error ends a stream
  return open_later();
}

mcp_listener::step mcp_listener::take(std::string_view bytes, bool last) {
  if (last) {
    stream_ = 0;
    ended_ = true;
  }
  received_ += bytes.size();
  for (const auto& event : events_.feed(bytes))
    if (event.name == "message" && !event.data.empty())
      if (const auto message = parse_json(event.data))
        look_at(*message);
  return go_on();
}

void mcp_listener::look_at(const json::value& message) {
  if (message.is_array()) { // a batch: only servers of 2025-03-26 may send one
    for (const auto& one : message.get_array())
      if (!one.is_array())
        look_at(one);
    return;
  }
  if (!message.is_object() || !member(message, "method") || !member(message, "id"))
    return;
  if (++requests_ <= most_requests)
    answers_.push_back(mcp_answer_to(message.get_object()));
}

mcp_listener::step mcp_listener::go_on() {
  if (!answers_.empty()) {
    state_ = waiting::for_answer;
    auto call = mcp_post(*service_, session_, std::move(answers_.front()));
    answers_.pop_front();
    return call;
  }
  if (ended_ || requests_ > most_requests
      || received_ > std::min(most_bytes, service_->max_reply_bytes))
    return open_later();
  return pull_chunk{stream_};
}

// After a pause, which grows while no stream can be had.
mcp_listener::step mcp_listener::open_later() {
  if (stream_ != 0) {
    state_ = waiting::to_pause;
    return close_stream{std::exchange(stream_, 0)};
  }
  if (failures_ >= most_failures || openings_ >= most_openings)
    return finish();
  const auto wait = std::max(first_pause * (1 << failures_++), events_.retry().value_or(0ms));
  state_ = waiting::to_open;
  return pause{std::min(wait, longest_pause)};
}

mcp_listener::step mcp_listener::proceed() {
  if (state_ == waiting::to_open)
    return open();
  return state_ == waiting::to_pause ? open_later() : finish();
}

mcp_listener::step mcp_listener::finish() {
  state_ = waiting::to_finish;
  if (stream_ != 0)
    return close_stream{std::exchange(stream_, 0)};
  service_reply last;
  last.status = status_;
  return done{std::move(last)};
}

} // namespace behalf
