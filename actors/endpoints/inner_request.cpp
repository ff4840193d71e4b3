#include "actors/endpoints/inner_request.hpp"

#include "actors/endpoints/lasting_right.hpp"
#include "actors/endpoints/thread_stream.hpp"
#include "runtime/base/json_cost.hpp"

#include <mutex>
#include <optional>
#include <utility>

namespace behalf::endpoints {

/// An exchange whose client is a request: its answer goes there.
class inner_exchange final : public exchange {
public:
  inner_exchange(http_request req, incoming_body body, request_actor client, bool in_parts,
                 fair_budget::share_ptr room)
    : exchange(std::move(req), {}, std::move(body)), client_(std::move(client)),
      in_parts_(in_parts), room_(std::move(room)) {}
  ~inner_exchange() override {
    if (status_) // it broke off: there was no room for the rest
      end(503, {}, error_body("The answer broke off. Ask again, perhaps for less"));
    else
      end(500, {}, error_body("Internal Server Error"));
  }

  void read_body(std::size_t, fair_budget::share_ptr, body_handler) override {}
  void respond(unsigned status, header_list headers, std::string body, std::string) override {
    if (hold(body.size()))
      end(status, std::move(headers), std::move(body));
  }
  void begin_stream(unsigned status, header_list headers) override {
    status_ = status;
    headers_ = std::move(headers);
  }
  void write(std::string part, std::function<void()> written) override {
    if (in_parts_)
      return tell(client_, inner_part{std::move(part), std::move(written)});
    if (!ended_ && hold(text_.size() + part.size()))
      text_ += part;
    if (written)
      written();
  }
  void finish() override { end(status_.value_or(200), std::move(headers_), std::move(text_)); }
  void open_socket(std::size_t, std::function<void(std::string)>) override {}
  void read_on() override {}
  void close_socket(uint16_t) override {}
  bool gone() const override {
    std::lock_guard lock{guard_};
    return gone_;
  }
  void on_gone(std::function<void()> call) override { when_gone(std::move(call)); }
  // Nothing keeps this connection but the client: what looks after it every few seconds is asked to
  // when that has left.
  void every(std::chrono::milliseconds, std::function<void()> call) override {
    when_gone(std::move(call));
  }
  void on_drain(std::function<void()> call) override {
    std::unique_lock lock{guard_};
    if (!draining_)
      return on_drain_.swap(call);
    lock.unlock();
    call();
  }
  void on_deadline(std::function<void()>) override {}
  void clear_deadline() override {}
  void extend_deadline(std::chrono::milliseconds) override {}

  void leave() {
    std::vector<std::function<void()>> calls;
    {
      std::lock_guard lock{guard_};
      gone_ = true;
      calls.swap(when_gone_);
    }
    for (const auto& call : calls)
      call();
  }

  void drain() {
    std::unique_lock lock{guard_};
    draining_ = true;
    const auto call = std::exchange(on_drain_, nullptr);
    lock.unlock();
    if (call)
      call();
  }

private:
  void when_gone(std::function<void()> call) {
    {
      std::lock_guard lock{guard_};
      if (!gone_)
        return when_gone_.push_back(std::move(call));
    }
    call();
  }

  void end(unsigned status, header_list headers, std::string text) {
    if (!std::exchange(ended_, true))
      tell(client_, inner_answer{status, std::move(headers), std::move(text), room_});
  }

  // Without room that is the answer, and the client has left.
  bool hold(std::size_t bytes) {
    auto ok = claim(*room_, bytes, "answers that are not yet read");
    if (ok)
      return true;
    text_ = {};
    end(http_status(ok.error().code), {}, error_body(ok.error().message));
    leave();
    return false;
  }

  request_actor client_;
  bool in_parts_, ended_ = false;
  fair_budget::share_ptr room_;    // of text_
  std::optional<unsigned> status_; // set: the answer has begun
  header_list headers_;
  std::string text_;
  mutable std::mutex guard_; // of what follows: two actors use it
  bool gone_ = false, draining_ = false;
  std::vector<std::function<void()>> when_gone_;
  std::function<void()> on_drain_;
};

namespace {

http_request request_like(const http_request& outer, inner_request& asked) {
  auto made = outer;
  made.method = asked.method;
  made.method_name = to_string(asked.method);
  made.query = std::move(asked.query);
  made.target.clear();
  for (const auto& segment : asked.path)
    made.target.append("/").append(segment);
  made.path = std::move(asked.path);
  std::erase_if(made.headers, [](const auto& field) {
    return field.first == "last-event-id" || field.first.starts_with("sec-websocket-");
  });
  return made;
}

incoming_body body_of(const json::value& body) {
  incoming_body sent;
  if (body.is_null())
    return sent;
  sent.whole = dump(body);
  sent.announced = sent.whole->size();
  sent.expected = true;
  return sent;
}

} // namespace

void make_request(request_pointer self, inner_request asked, on_inner_answer then,
                  on_inner_part on_part) {
  auto& s = self->state;
  const bool socket = s.thread && s.thread->socket;
  if (!s.inner) {
    s.inner = std::make_shared<inner_calls>();
    s.inner->sealed = s.granted.sealed;
    s.inner->credentials = s.credentials;
  }
  if (socket) { // authenticated anew
    s.inner->sealed = s.right->sealed;
    s.inner->credentials = s.right->credentials;
  }
  auto& calls = *s.inner;
  auto body = body_of(asked.body);
  auto ex = std::make_shared<inner_exchange>(
    request_like(s.ex->req(), asked), std::move(body), request_actor{self}, on_part != nullptr,
    s.app->answers.open(tenant_of(self), s.granted.who->key().text()));
  calls.on_answer = std::move(then);
  calls.on_part = std::move(on_part);
  calls.under_way = ex;
  spawn_request_of(self, std::move(ex), calls.sealed, calls.credentials, asked.with_result);
}

result<json::value> parse_answer(request_pointer self, const inner_answer& answered) {
  const auto& text = answered.text;
  if (text.empty())
    return nullptr;
  const auto cost = text.size() + parse_cost(text, shape_of(self).nodes);
  if (auto ok = answered.room ? claim(*answered.room, cost, "answers in memory") : result<void>{};
      !ok)
    return ok.error();
  return parse_stored_json(text);
}

inner_calls::~inner_calls() {
  if (const auto exchange = under_way.lock())
    exchange->leave();
}

void drain_inner(request_pointer self) {
  if (const auto& calls = self->state.inner)
    if (const auto exchange = calls->under_way.lock())
      exchange->drain();
}

void on_inner(request_pointer self, inner_answer& answered) {
  auto& calls = *self->state.inner;
  if (const auto exchange = std::exchange(calls.under_way, {}).lock())
    exchange->leave(); // where the answer is not from there: see calls_under_way
  calls.on_part = nullptr;
  if (auto then = std::exchange(calls.on_answer, nullptr))
    then(answered);
}

void on_inner(request_pointer self, inner_part& part) {
  if (auto& on_part = self->state.inner->on_part)
    on_part(part);
}

} // namespace behalf::endpoints
