// A server on a loopback port that says exactly what a test tells it to, with or without TLS,
// and remembers every byte it was sent.
#pragma once

#include "tests/support/test_certificates.hpp"

#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <atomic>
#include <csignal>
#include <functional>
#include <mutex>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace behalf::testing {

/// One connection, as the script sees it.
class peer {
public:
  peer(int fd, SSL* ssl, unsigned number) : number(number), fd_(fd), ssl_(ssl) {}

  const unsigned number; // of the connection, from 0

  /// The next request, head and body; nullopt when the client has closed.
  std::optional<std::string> request() {
    std::size_t end, length = 0;
    while ((end = in_.find("\r\n\r\n")) == std::string::npos)
      if (!more())
        return std::nullopt;
    end += 4;
    if (auto at = in_.find("Content-Length: "); at < end)
      length = std::stoul(in_.substr(at + 16));
    while (in_.size() < end + length)
      if (!more())
        return std::nullopt;
    auto whole = in_.substr(0, end + length);
    in_.erase(0, end + length);
    return whole;
  }

  /// False when the client is gone.
  bool say(std::string_view text) {
    while (!text.empty()) {
      auto n = ssl_ ? SSL_write(ssl_, text.data(), text.size())
                    : ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0)
        return false;
      text.remove_prefix(n);
    }
    return true;
  }

  /// A whole reply with a body of known length.
  bool reply(std::string_view body, std::string_view headers = {},
             std::string_view status = "200 OK") {
    std::string text{"HTTP/1.1 "};
    text.append(status).append("\r\n").append(headers);
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    return say(text.append(body));
  }

  /// Reads until the client closes.
  void wait_for_end() {
    while (more()) {
    }
  }

  /// Ends its side of the connection now.
  void hang_up() { ::shutdown(fd_, SHUT_WR); }

private:
  bool more() {
    char buffer[4096];
    auto n = ssl_ ? SSL_read(ssl_, buffer, sizeof buffer) : ::recv(fd_, buffer, sizeof buffer, 0);
    if (n > 0)
      in_.append(buffer, n);
    return n > 0;
  }

  int fd_;
  SSL* ssl_;
  std::string in_;
};

class raw_server {
public:
  using script = std::function<void(peer&)>; // one connection, on a thread of its own

  explicit raw_server(script run, const identity* tls = nullptr) : run_(std::move(run)) {
    if (tls) {
      context_ = SSL_CTX_new(TLS_server_method());
      SSL_CTX_use_certificate(context_, tls->certificate.get());
      SSL_CTX_use_PrivateKey(context_, tls->key.get());
    }
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(fd_, 64) != 0)
      throw std::runtime_error{"cannot listen"};
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    acceptor_ = std::thread{[this] { accept(); }};
  }

  ~raw_server() {
    ::shutdown(fd_, SHUT_RDWR);
    acceptor_.join();
    {
      std::lock_guard lock{mutex_};
      for (int fd : open_)
        ::shutdown(fd, SHUT_RDWR);
    }
    for (auto& thread : threads_)
      thread.join();
    ::close(fd_);
    SSL_CTX_free(context_);
  }

  uint16_t port() const { return port_; }
  unsigned connections() const { return connections_; }

  std::string url(const std::string& path = "/") const { return url_of("127.0.0.1", path); }
  std::string url_of(const std::string& host, const std::string& path = "/") const {
    return (context_ ? "https://" : "http://") + host + ":" + std::to_string(port_) + path;
  }

private:
  void accept() {
    while (true) {
      int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0)
        return;
      std::lock_guard lock{mutex_};
      open_.push_back(fd);
      threads_.emplace_back([this, fd, n = connections_++] { serve(fd, n); });
    }
  }

  void serve(int fd, unsigned number) {
    sigset_t pipe; // SSL_write raises it when the client has gone
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    SSL* ssl = context_ ? SSL_new(context_) : nullptr;
    if (!ssl || (SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1)) {
      peer client{fd, ssl, number};
      run_(client);
      if (ssl)
        SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    std::lock_guard lock{mutex_};
    std::erase(open_, fd);
    ::close(fd);
  }

  script run_;
  SSL_CTX* context_ = nullptr;
  int fd_ = -1;
  uint16_t port_ = 0;
  std::atomic<unsigned> connections_{0};
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

} // namespace behalf::testing
