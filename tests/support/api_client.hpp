// One client of a running server, on the thread that uses it: calls in turn on one connection.
#pragma once

#include "tests/runtime/http/server_fixture.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

namespace behalf::testing {

/// A blocking socket for basic_raw_client. A wait of more than a minute is the end of the stream:
/// the answer then is incomplete, and no test hangs.
class patient_socket {
public:
  explicit patient_socket(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    open_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  patient_socket(const patient_socket&) = delete;
  patient_socket& operator=(const patient_socket&) = delete;
  ~patient_socket() { ::close(fd_); }

  bool open() const { return open_; }

  std::size_t read_some(boost::asio::mutable_buffer to, boost::system::error_code& ec) {
    pollfd wait{fd_, POLLIN, 0};
    if (!open_ || ::poll(&wait, 1, 60'000) != 1)
      return fail(ec);
    const auto n = ::recv(fd_, to.data(), to.size(), 0);
    return n > 0 ? static_cast<std::size_t>(n) : fail(ec);
  }
  std::size_t write_some(boost::asio::const_buffer from, boost::system::error_code& ec) {
    const auto n = open_ ? ::send(fd_, from.data(), from.size(), MSG_NOSIGNAL) : -1;
    return n > 0 ? static_cast<std::size_t>(n) : fail(ec);
  }

private:
  std::size_t fail(boost::system::error_code& ec) {
    open_ = false;
    ec = boost::asio::error::connection_aborted;
    return 0;
  }

  int fd_;
  bool open_ = false;
};

/// Calls the API as one user. Catch's macros are for one thread: what an answer should have been is
/// for the caller to note.
class api_client {
public:
  explicit api_client(uint16_t port) : port_(port) {}

  /// A development issuer's user, whose password is the name. False: no token came.
  bool log_in(const std::string& user) {
    auto form = "grant_type=password&client_id=test&username=" + user + "&password=" + user;
    auto reply = send("POST", "/dev/token", form, "application/x-www-form-urlencoded");
    auto body = parse_json(reply.body);
    if (!reply.complete || !body || !body->is_object())
      return false;
    bearer_ = "Authorization: Bearer " + std::string(string_or(body->get_object(), "access_token"))
              + "\r\n";
    return reply.status == 200;
  }

  /// The header line that proves who this is; empty before log_in.
  const std::string& bearer() const { return bearer_; }

  /// A header line of all requests that follow.
  void send_always(const std::string& line) { lines_ += line + "\r\n"; }

  raw_reply get(const std::string& target) { return send("GET", target, {}, {}); }
  raw_reply post(const std::string& target, const json::object& body = {}) {
    return send("POST", target, dump(body), "application/json");
  }
  /// The same with a body that need not be JSON.
  raw_reply post_text(const std::string& target, std::string_view body) {
    return send("POST", target, std::string(body), "application/json");
  }
  raw_reply call(std::string_view method, const std::string& target, const json::value& body) {
    return send(method, target, dump(body), "application/json");
  }
  /// Sends a request and reads its answer's head only.
  std::string post_for_head(const std::string& target, const json::object& body) {
    connect();
    write("POST", target, dump(body), "application/json");
    return line_->read_until("\r\n\r\n");
  }
  /// What else comes on this connection, to its end.
  std::string rest() { return line_->read_all(); }
  void hang_up() { line_.reset(); }

private:
  void connect() {
    if (!line_ || !line_->socket().open())
      line_.emplace(port_);
  }
  void write(std::string_view method, const std::string& target, const std::string& body,
             std::string_view type) {
    auto text =
      std::string{method} + " " + target + " HTTP/1.1\r\nHost: test\r\n" + bearer_ + lines_;
    if (!type.empty())
      text.append("Content-Type: ").append(type).append("\r\n");
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    line_->send(text);
  }
  raw_reply send(std::string_view method, const std::string& target, const std::string& body,
                 std::string_view type) {
    connect();
    write(method, target, body, type);
    auto reply = line_->read_reply();
    if (!reply.complete || reply.header("connection") == "close")
      hang_up();
    return reply;
  }

  uint16_t port_;
  std::string bearer_, lines_;
  std::optional<basic_raw_client<patient_socket>> line_;
};

} // namespace behalf::testing
