// Turns the bytes of one request into an http_request. Stricter than Beast, on which it stands:
// whatever two servers in a row could read differently is refused (request smuggling).
#pragma once

#include "runtime/http/exchange.hpp"

#include <boost/beast/http/basic_parser.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace behalf::inbound {

/// Why a request is answered by the server itself.
struct refusal {
  unsigned status = 400;
  std::string detail;
};

/// Bytes of the head at the front of `bytes`, its blank line included; 0 while it is not whole.
/// `searched` keeps what was looked through, so that a head arriving byte by byte costs no more.
std::size_t head_length(std::string_view bytes, std::size_t& searched);

/// One per request. Feed the whole head once, then the body in any pieces.
class request_parser final : private boost::beast::http::basic_parser<true> {
public:
  explicit request_parser(std::size_t max_body);
  /// What was not handed on is wiped: any field may hold a token.
  ~request_parser() { wipe(request); }

  std::optional<refusal> put_head(std::string_view head);
  /// Takes what it can and says how much in `used`; bytes left over belong to the next piece, or
  /// to the next request once done() is true.
  std::optional<refusal> put_body(std::string_view bytes, std::size_t& used);

  bool done() const { return is_done(); }
  bool keep_alive() const { return is_header_done() && basic_parser::keep_alive(); }
  bool http10() const { return version_ == 10; }
  bool expects_continue() const { return expects_continue_; }
  bool has_body() const { return announced_ > 0 || encodings_ > 0; }
  /// As Content-Length says; 0 for none or chunked.
  std::size_t announced() const { return announced_; }

  http_request request;   // complete with the head, but for address, deadline and id if not sent
  secret_headers secrets; // the fields that carry credentials
  std::string body;       // so far; chunks joined

private:
  using string_view = boost::beast::string_view;
  using error_code = boost::beast::error_code;
  using verb_code = boost::beast::http::verb;
  using field_code = boost::beast::http::field;

  void on_request_impl(verb_code, string_view method, string_view target, int version,
                       error_code&) override;
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(field_code, string_view name, string_view value, error_code&) override;
  void on_header_impl(error_code&) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view, error_code&) override;
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view, error_code&) override;
  void on_finish_impl(error_code&) override {}

  void check_framing(field_code code, std::string_view value);
  void store(std::string_view name, std::string_view value);
  void store_secret(std::string key, wiped_string value);
  void refuse(unsigned status, std::string detail);
  std::optional<refusal> outcome(const error_code& ec);

  std::optional<refusal> refused_;
  std::string authority_; // of a target in absolute form
  int version_ = 11;
  unsigned hosts_ = 0, origins_ = 0, lengths_ = 0, encodings_ = 0;
  std::size_t announced_ = 0;
  bool head_done_ = false, expects_continue_ = false, encoded_ = false;
};

} // namespace behalf::inbound
