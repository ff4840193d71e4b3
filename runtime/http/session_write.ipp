// The writing half of a session.
#include "runtime/base/id.hpp"
#include "runtime/base/log.hpp"
#include "runtime/http/session.hpp"

namespace behalf::inbound {

// Answers up to this size leave in one piece with their head.
inline constexpr std::size_t joined_body = 16 * 1024;

// Writes out_, then `tail`, in one system call when the socket takes it.
template <class Stream>
task<bool> session<Stream>::send(std::string_view tail) {
  enter(phase::writing, core_->options.write_timeout);
  std::string_view head = out_;
  std::size_t measured = 0;
  while (!head.empty() || !tail.empty()) {
    const std::array<asio::const_buffer, 2> buffers{asio::const_buffer{head.data(), head.size()},
                                                    asio::const_buffer{tail.data(), tail.size()}};
    auto [ec, size] = co_await stream_.async_write_some(buffers, use_result);
    if (ec) {
      ended_ = true;
      out_.clear();
      co_return false;
    }
    const auto of_head = std::min(size, head.size());
    head.remove_prefix(of_head);
    tail.remove_prefix(size - of_head);
    measured += size;
    if (measured >= progress) {
      measured = 0;
      enter(phase::writing, core_->options.write_timeout);
    }
  }
  out_.clear();
  co_return true;
}

template <class Stream>
void session<Stream>::compose_head(answer_head& head, std::string& tail) {
  keep_ = keep_ && !core_->draining();
  framing_ = !head.stream ? framing::length : http10_ ? framing::until_close : framing::chunked;
  if (framing_ == framing::until_close)
    keep_ = false;
  const bool body = !head_only_ && !bodiless(head.status);
  append_head(out_,
              {.status = head.status,
               .body = bodiless(head.status) ? framing::length : framing_,
               .length = head.body.size(),
               .keep_alive = keep_,
               .name_connection = http10_ || head.stream,
               .content_type = head.content_type,
               .request_id = request_id_},
              head.headers);
  core_->cors.append_headers(out_, origin_ ? &*origin_ : nullptr);
  out_ += "\r\n";
  if (!body)
    head_only_ = true; // of a stream, the parts stay here too
  else if (head.body.size() <= joined_body)
    out_ += head.body;
  else
    tail = std::move(head.body);
}

template <class Stream>
void session<Stream>::compose(outgoing& next, std::string& tail) {
  if (next.head)
    compose_head(*next.head, tail);
  if (head_only_)
    return;
  for (const auto& p : next.parts)
    if (framing_ == framing::chunked)
      append_chunk(out_, p.bytes);
    else
      out_ += p.bytes;
  if (next.last && !next.cut && framing_ == framing::chunked)
    out_ += last_chunk;
}

// Sends what the exchange gives until the answer is complete. False: the connection must end.
template <class Stream>
task<bool> session<Stream>::answer(request_parser& parser) {
  const auto box = box_;
  while (true) {
    auto next = box->take();
    if (next.body && !next.last) {
      auto wish = std::move(*next.body);
      co_await read_body(parser, std::move(wish));
      continue;
    }
    if (next.nothing()) {
      phase_ = phase::waiting;
      watchdog_.set(box->due());
      co_await box->changed();
      continue;
    }
    keep_ = keep_ && parser.done(); // what is left of the body nobody will read
    std::string tail;
    compose(next, tail);
    const bool sent = out_.empty() || co_await send(tail);
    if (!sent)
      box->lost();
    for (const auto& p : next.parts)
      if (p.written)
        p.written();
    if (!sent || next.cut)
      co_return false;
    if (next.last)
      co_return true;
    if (next.watch && parser.done())
      start_watch();
  }
}

// Answers a request that never became an exchange, and ends the connection.
template <class Stream>
task<bool> session<Stream>::refuse_request(refusal why) {
  keep_ = false;
  if (request_id_.empty())
    request_id_ = uuid4();
  answer_head head{why.status, {}, "application/json", error_body(why.detail)};
  if (why.status == 503)
    head.headers.emplace_back("Retry-After", "1");
  if (core_->options.access_log)
    log::info("access", {{"method", ""},
                         {"route", "none"},
                         {"status", why.status},
                         {"identity", ""},
                         {"tenant", ""},
                         {"address", remote_},
                         {"request_id", request_id_},
                         {"ms", 0.0}});
  std::string tail;
  compose_head(head, tail);
  linger_ = co_await send(tail);
  co_return linger_;
}

} // namespace behalf::inbound
