#include "runtime/http/outbox.hpp"

namespace behalf::inbound {

void outbox::read_body(std::size_t limit, fair_budget::share_ptr memory, body_handler got) {
  {
    std::lock_guard lock{guard_};
    if (stage_ != stage::unanswered || closed_)
      return;
    pending_.body.emplace(body_wish{limit, std::move(memory), std::move(got)});
  }
  wake_.notify();
}

void outbox::respond(unsigned status, header_list headers, std::string body,
                     std::string content_type) {
  {
    std::lock_guard lock{guard_};
    if (stage_ != stage::unanswered || closed_)
      return;
    stage_ = stage::answered;
    pending_.head.emplace(
      answer_head{status, std::move(headers), std::move(content_type), std::move(body)});
    pending_.last = true;
  }
  wake_.notify();
}

void outbox::begin_stream(unsigned status, header_list headers) {
  {
    std::lock_guard lock{guard_};
    if (stage_ != stage::unanswered || closed_)
      return;
    stage_ = stage::streaming;
    pending_.head.emplace(answer_head{status, std::move(headers), {}, {}, true});
  }
  wake_.notify();
}

void outbox::write(std::string bytes, std::function<void()> written) {
  {
    std::lock_guard lock{guard_};
    if (stage_ != stage::streaming || closed_) // `written` would never be called otherwise
      return calls_->run(std::move(written));
    pending_.parts.push_back({std::move(bytes), std::move(written)});
  }
  wake_.notify();
}

void outbox::finish() {
  {
    std::lock_guard lock{guard_};
    if (stage_ != stage::streaming || closed_)
      return;
    stage_ = stage::answered;
    pending_.last = true;
  }
  wake_.notify();
}

void outbox::open_socket(std::size_t limit, std::function<void(std::string)> got) {
  {
    std::lock_guard lock{guard_};
    if (stage_ != stage::unanswered || closed_)
      return;
    stage_ = stage::streaming;
    pending_.socket.emplace(socket_wish{limit, std::move(got)});
  }
  wake_.notify();
}

void outbox::close_socket(uint16_t code) {
  {
    std::lock_guard lock{guard_};
    if (stage_ != stage::streaming || closed_)
      return;
    stage_ = stage::answered;
    pending_.close_code = code;
    pending_.last = true;
  }
  wake_.notify();
}

void outbox::read_on() {
  {
    std::lock_guard lock{guard_};
    if (stage_ != stage::streaming || closed_)
      return;
    pending_.read_on = true;
  }
  wake_.notify();
}

void outbox::abandon() {
  {
    std::lock_guard lock{guard_};
    if (stage_ == stage::answered || closed_)
      return;
    if (stage_ == stage::unanswered)
      pending_.head.emplace(
        answer_head{500, {}, "application/json", error_body("Internal Server Error")});
    else
      pending_.cut = true;
    pending_.last = true;
    stage_ = stage::answered;
  }
  wake_.notify();
}

void outbox::on_gone(std::function<void()> call) {
  {
    std::lock_guard lock{guard_};
    if (gone())
      return calls_->run(std::move(call));
    if (closed_)
      return;
    on_gone_.swap(call); // the old callback is destroyed outside the lock
    pending_.notice_close = true;
  }
  wake_.notify();
}

void outbox::on_drain(std::function<void()> call) {
  std::lock_guard lock{guard_}; // released before the old callback is destroyed
  if (closed_)
    return;
  if (draining_)
    calls_->run(std::move(call));
  else
    on_drain_.swap(call);
}

void outbox::drain() {
  std::unique_lock lock{guard_};
  draining_ = true;
  const auto call = std::exchange(on_drain_, nullptr);
  lock.unlock();
  if (call)
    call();
}

void outbox::every(std::chrono::milliseconds period, std::function<void()> call) {
  std::lock_guard lock{guard_};
  if (closed_ || ticker_)
    return;
  ticker_ = std::make_shared<ticker>(*executor_, period, std::move(call));
  asio::post(*executor_, [t = ticker_] { t->start(); });
}

void outbox::on_deadline(std::function<void()> call) {
  std::lock_guard lock{guard_}; // released before `call` with the old callback is destroyed
  if (!closed_)
    on_deadline_.swap(call);
}

void outbox::clear_deadline() {
  std::lock_guard lock{guard_};
  due_ = deadline::max();
}

void outbox::extend_deadline(std::chrono::milliseconds more) {
  const auto later = std::chrono::steady_clock::now() + more;
  std::lock_guard lock{guard_};
  due_ = std::max(due_, later);
}

outgoing outbox::take() {
  std::lock_guard lock{guard_};
  if (!pending_.body || pending_.last)
    return std::exchange(pending_, {});
  outgoing only_the_body; // the rest comes after it
  only_the_body.body = std::exchange(pending_.body, std::nullopt);
  return only_the_body;
}

deadline outbox::due() const {
  std::lock_guard lock{guard_};
  return due_;
}

deadline outbox::check_deadline(deadline now) {
  std::unique_lock lock{guard_};
  if (now < due_ || closed_)
    return due_;
  if (on_deadline_) {
    due_ = now + grace_;
    const auto call = std::exchange(on_deadline_, nullptr);
    const auto next = due_;
    lock.unlock();
    call();
    return next;
  }
  expire(lock);
  return deadline::max();
}

// No callback: 504 if the answer has not begun, else the connection ends.
void outbox::expire(std::unique_lock<std::mutex>& lock) {
  due_ = deadline::max();
  if (stage_ == stage::answered)
    return; // being written, which the write timeout bounds
  const bool begun = stage_ == stage::streaming;
  auto calls = drop_client();
  pending_.cut = begun;
  pending_.last = true;
  if (!begun)
    pending_.head.emplace(answer_head{504, {}, "application/json", error_body("Gateway Timeout")});
  lock.unlock();
  wake_.notify();
  for (const auto& call : calls)
    call();
}

outbox::callbacks outbox::drop_client() {
  callbacks calls;
  for (auto& unsent : pending_.parts)
    if (unsent.written)
      calls.push_back(std::move(unsent.written));
  if (on_gone_)
    calls.push_back(std::exchange(on_gone_, nullptr));
  if (pending_.body) // destroying it may destroy the exchange, which locks: done later
    calls.push_back([wish = std::move(*pending_.body)] {});
  if (pending_.socket) // the same
    calls.push_back([wish = std::move(*pending_.socket)] {});
  pending_ = {};
  stage_ = stage::answered;
  gone_.store(true, std::memory_order_release);
  return calls;
}

void outbox::lost() {
  std::unique_lock lock{guard_};
  if (closed_ || gone())
    return;
  const auto calls = drop_client();
  pending_.cut = pending_.last = true;
  lock.unlock();
  wake_.notify();
  for (const auto& call : calls)
    call();
}

void outbox::close() {
  std::function<void()> gone_call, deadline_call, drain_call;
  outgoing rest;
  std::shared_ptr<ticker> ticking;
  std::lock_guard lock{guard_}; // released first: destructors of captures may call back
  closed_ = true;
  stage_ = stage::answered;
  gone_call.swap(on_gone_);
  deadline_call.swap(on_deadline_);
  drain_call.swap(on_drain_);
  rest = std::exchange(pending_, {});
  ticking.swap(ticker_);
  if (ticking)
    asio::post(*executor_, [ticking] { ticking->stop(); });
  executor_.reset();
}

void outbox::shut() {
  close();
  wake_.abandon();
}

} // namespace behalf::inbound
