#include "config/outside_calls.hpp"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>

namespace behalf {

result<std::unique_ptr<outside_calls>> outside_calls::create(client_options egress, deadline by) {
  std::unique_ptr<outside_calls> made{new outside_calls{by}};
  auto http = client::create(made->io_, std::move(egress));
  if (!http)
    return http.error();
  made->http_ = std::move(*http);
  return made;
}

result<service_reply> outside_calls::carry_out(connector& machine, const wire_request& sample) {
  auto step = machine.start();
  for (;;) {
    if (auto* end = std::get_if<connector::done>(&step))
      return std::move(end->reply);
    if (auto* call = std::get_if<outbound_call>(&step)) {
      step = machine.resume(send(std::move(*call), sample));
    } else if (const auto* part = std::get_if<connector::pull_chunk>(&step)) {
      step = machine.resume_chunk(read(part->stream_id));
    } else {
      if (const auto* stream = std::get_if<connector::close_stream>(&step))
        http_->close(stream->stream_id);
      if (const auto* pause = std::get_if<connector::pause>(&step))
        wait(pause->time);
      step = machine.proceed();
    }
  }
}

result<outbound_reply> outside_calls::send(outbound_call call, const wire_request& sample) {
  wire_request request = sample;
  request.call = std::move(call);
  result<outbound_reply> answer = fail(errc::timeout, "there was no answer in time");
  io_.restart();
  http_->start(std::move(request), by_, [&](result<outbound_reply> reply) {
    answer = std::move(reply);
    io_.stop(); // what keeps connections for reuse has nothing to wait for
  });
  io_.run();
  return answer;
}

result<outbound_chunk> outside_calls::read(uint64_t stream_id) {
  result<outbound_chunk> answer = fail(errc::timeout, "the answer broke off");
  io_.restart();
  http_->read_chunk(stream_id, by_, [&](result<outbound_chunk> chunk) {
    answer = std::move(chunk);
    io_.stop();
  });
  io_.run();
  return answer;
}

void outside_calls::wait(std::chrono::milliseconds time) {
  const auto end = std::min<deadline>(by_, std::chrono::steady_clock::now() + time);
  boost::asio::steady_timer{io_, end}.wait();
}

} // namespace behalf
