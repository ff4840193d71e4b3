// An exchange without a socket: a test plays the client and reads what was answered.
#pragma once

#include "runtime/http/exchange.hpp"
#include "runtime/net/header_class.hpp"

#include <mutex>
#include <optional>

namespace behalf {

/// What a recorded exchange was answered. Outlives it, so that a test sees the 500 of a dropped
/// one.
struct recorded_answer {
  unsigned status = 0; // 0: none yet
  header_list headers;
  std::string body; // of a stream: all parts so far
  std::string content_type;
  bool streaming = false, finished = false, gone = false, deadline_cleared = false;
  std::function<void()> on_gone, on_deadline, on_drain, on_tick;
};

class recorded_exchange final : public exchange {
public:
  recorded_exchange(http_request req, secret_headers secrets, std::string body,
                    std::shared_ptr<recorded_answer> to)
    : exchange(std::move(req), std::move(secrets), {!body.empty(), body.size(), body}),
      to_(std::move(to)) {}
  ~recorded_exchange() override {
    if (to_->status == 0)
      respond(500, {}, error_body("Internal Server Error"));
  }

  void read_body(std::size_t, fair_budget::share_ptr, body_handler) override {}
  void respond(unsigned status, header_list headers, std::string body,
               std::string content_type) override {
    if (to_->status == 0) {
      begin(status, std::move(headers));
      to_->body = std::move(body);
      to_->content_type = std::move(content_type);
      to_->finished = true;
    }
  }
  void respond(unsigned status, header_list headers, std::string body) {
    respond(status, std::move(headers), std::move(body), "application/json");
  }
  void begin_stream(unsigned status, header_list headers) override {
    if (to_->status == 0) {
      begin(status, std::move(headers));
      to_->streaming = true;
    }
  }
  void write(std::string chunk, std::function<void()> written) override {
    if (to_->streaming && !to_->finished)
      to_->body += chunk;
    if (written)
      written();
  }
  void finish() override { to_->finished = true; }
  void open_socket(std::size_t, std::function<void(std::string)>) override {}
  void read_on() override {}
  void close_socket(uint16_t) override {}
  bool gone() const override { return to_->gone; }
  void on_gone(std::function<void()> call) override { to_->on_gone = std::move(call); }
  void on_drain(std::function<void()> call) override { to_->on_drain = std::move(call); }
  void every(std::chrono::milliseconds, std::function<void()> call) override {
    to_->on_tick = std::move(call);
  }
  void on_deadline(std::function<void()> call) override { to_->on_deadline = std::move(call); }
  void clear_deadline() override { to_->deadline_cleared = true; }
  void extend_deadline(std::chrono::milliseconds) override {}

private:
  void begin(unsigned status, header_list headers) {
    to_->status = status;
    to_->headers = std::move(headers);
  }

  std::shared_ptr<recorded_answer> to_;
};

/// "POST", "/threads?x=1", {{"authorization", "Bearer t"}}, "{}": secret fields are kept apart as
/// the server does.
inline std::pair<exchange_ptr, std::shared_ptr<recorded_answer>>
record_exchange(std::string method, std::string target, header_list headers = {},
                std::string body = {}) {
  http_request req;
  req.method = to_verb(method);
  req.method_name = std::move(method);
  auto parsed = parse_target(target).value();
  req.target = std::move(target);
  req.path = std::move(parsed.path);
  req.query = std::move(parsed.query);
  req.request_id = "test-request";
  req.remote_address = req.peer = "127.0.0.1";
  req.by = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  secret_headers secrets;
  for (auto& [name, value] : headers)
    if (is_header(name, inbound_credentials))
      secrets.emplace_back(name, wiped_string{value});
    else
      req.headers.emplace_back(name, value);
  auto answer = std::make_shared<recorded_answer>();
  return {std::make_shared<recorded_exchange>(std::move(req), std::move(secrets), std::move(body),
                                              answer),
          answer};
}

} // namespace behalf
