#include "runtime/http/request_parser.hpp"

#include "runtime/base/text.hpp"
#include "runtime/net/header_class.hpp"

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>

#include <algorithm>
#include <charconv>
#include <limits>

namespace behalf::inbound {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr std::size_t max_fields = 256;
constexpr std::size_t max_request_id = 128;

bool digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

// Fit to be logged and sent back: visible ASCII, and not a book.
bool usable_id(std::string_view text) {
  return !text.empty() && text.size() <= max_request_id
         && std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

// A line that begins with white space continues the one before (RFC 9112 5.2): refused, because
// not every server before us reads it so.
bool folded(std::string_view head) {
  return head.find("\r\n ") != std::string_view::npos
         || head.find("\r\n\t") != std::string_view::npos;
}

constexpr std::string_view bearer_first = "bearer,"; // bearer_protocol, and more

// The token of "bearer, <token>", else nothing.
std::string_view token_among_protocols(std::string_view offered) {
  const auto token = offered.find_first_not_of(" \t", bearer_first.size());
  const bool alone = offered.find_first_of(", \t", std::min(token, offered.size())) == offered.npos;
  return token != offered.npos && alone ? offered.substr(token) : std::string_view{};
}

} // namespace

std::size_t head_length(std::string_view bytes, std::size_t& searched) {
  const auto end = bytes.find("\r\n\r\n", searched);
  if (end != std::string_view::npos)
    return end + 4;
  searched = bytes.size() < 3 ? 0 : bytes.size() - 3;
  return 0;
}

request_parser::request_parser(std::size_t max_body) {
  eager(true);
  body_limit(max_body);
  header_limit(std::numeric_limits<std::uint32_t>::max()); // the caller has cut it to size
}

void request_parser::refuse(unsigned status, std::string detail) {
  if (!refused_)
    refused_ = refusal{status, std::move(detail)};
}

std::optional<refusal> request_parser::outcome(const error_code& ec) {
  if (refused_)
    return refused_;
  if (!ec || ec == http::error::need_more)
    return std::nullopt;
  if (ec == http::error::body_limit)
    return refusal{413, "Request body too large"};
  if (ec == http::error::bad_version)
    return refusal{505, "HTTP version not supported"};
  return refusal{400, "Malformed HTTP request: " + ec.message()};
}

std::optional<refusal> request_parser::put_head(std::string_view head) {
  if (folded(head))
    return refusal{400, "Folded header lines are not accepted"};
  error_code ec;
  put(boost::asio::const_buffer{head.data(), head.size()}, ec);
  if (ec == http::error::need_more && !is_header_done())
    return refusal{400, "Malformed HTTP request"};
  return outcome(ec);
}

std::optional<refusal> request_parser::put_body(std::string_view bytes, std::size_t& used) {
  error_code ec;
  used = 0;
  // Whatever part of a chunked body we are in, this much is still to come; Beast asserts that it
  // gets the last chunk with no less.
  constexpr std::size_t last_chunk = std::string_view{"0\r\n\r\n"}.size();
  if (encodings_ > 0 && bytes.size() < last_chunk)
    return std::nullopt;
  used = bytes.empty() ? 0 : put(boost::asio::const_buffer{bytes.data(), bytes.size()}, ec);
  return outcome(ec);
}

void request_parser::on_request_impl(verb_code, string_view method, string_view target, int version,
                                     error_code&) {
  version_ = version;
  request.method_name.assign(method.data(), method.size());
  request.method = to_verb(request.method_name);
  request.target.assign(target.data(), target.size());
  request.headers.reserve(8);
  auto parsed = behalf::parse_target(request.target);
  if (!parsed)
    return refuse(400, parsed.error().message);
  if (request.target == "*" && request.method != behalf::verb::options)
    return refuse(400, "The target * is for OPTIONS alone");
  authority_ = std::move(parsed->authority);
  request.path = std::move(parsed->path);
  request.query = std::move(parsed->query);
}

void request_parser::check_framing(field_code code, std::string_view value) {
  if (code == http::field::content_length) {
    if (++lengths_ > 1 || !digits(value))
      return refuse(400, "Exactly one Content-Length is accepted");
    std::from_chars(value.data(), value.data() + value.size(), announced_);
  } else if (code == http::field::transfer_encoding) {
    if (++encodings_ > 1 || !same_ignoring_case(value, "chunked"))
      return refuse(501, "The only transfer encoding supported is chunked");
  }
  if (lengths_ > 0 && encodings_ > 0)
    refuse(400, "Content-Length and Transfer-Encoding exclude each other");
}

void request_parser::store(std::string_view name, std::string_view value) {
  auto key = ascii_lower(name);
  if (is_header(key, inbound_credentials))
    return store_secret(std::move(key), wiped_string{value});
  if (key == "sec-websocket-protocol" && value.starts_with(bearer_first)) {
    if (const auto token = token_among_protocols(value); !token.empty()) {
      wiped_string credential{"Bearer "};
      credential.append(token);
      store_secret("authorization", std::move(credential));
    }
    value = bearer_protocol; // whatever else is offered may be a token
  }
  request.headers.emplace_back(std::move(key), value);
}

void request_parser::store_secret(std::string key, wiped_string value) {
  const bool again = std::any_of(secrets.begin(), secrets.end(),
                                 [&](const auto& field) { return field.first == key; });
  if (again && key != "cookie") // which one counts must not depend on who reads
    return refuse(400, "A credential field was sent twice");
  secrets.emplace_back(std::move(key), std::move(value));
}

void request_parser::on_field_impl(field_code code, string_view name, string_view value,
                                   error_code& ec) {
  if (head_done_)
    return; // trailers say nothing we act on
  const std::string_view text{value.data(), value.size()};
  if (request.headers.size() >= max_fields)
    refuse(431, "Too many header fields");
  check_framing(code, text);
  if (code == http::field::host)
    ++hosts_;
  if (code == http::field::content_encoding)
    encoded_ = encoded_ || !same_ignoring_case(text, "identity");
  if (code == http::field::origin
      && ++origins_ > 1) // which one counts must not depend on who reads
    refuse(400, "Exactly one Origin is accepted");
  store({name.data(), name.size()}, text);
  if (refused_)
    ec = http::error::bad_field; // stop here: refused_ has the reason
}

void request_parser::on_header_impl(error_code& ec) {
  head_done_ = true;
  if (hosts_ > 1 || (hosts_ == 0 && version_ >= 11))
    refuse(400, "Exactly one Host is required");
  if (!authority_.empty()) { // RFC 9112 3.2.2: the target's host counts, whatever Host says
    std::erase_if(request.headers, [](const auto& field) { return field.first == "host"; });
    request.headers.emplace_back("host", std::move(authority_));
  }
  if (encodings_ > 0 && version_ < 11)
    refuse(400, "Transfer-Encoding needs HTTP/1.1");
  if (encoded_ && has_body())
    refuse(415, "A body with a Content-Encoding is not accepted");
  if (const auto* expect = find_header(request.headers, "expect"); expect && version_ >= 11) {
    expects_continue_ = same_ignoring_case(*expect, "100-continue");
    if (!expects_continue_)
      refuse(417, "Expectation not supported");
  }
  if (const auto* id = find_header(request.headers, "x-request-id"); id && usable_id(*id))
    request.request_id = *id;
  if (refused_)
    ec = http::error::bad_field;
}

std::size_t request_parser::on_body_impl(string_view bytes, error_code&) {
  body.append(bytes.data(), bytes.size());
  return bytes.size();
}

std::size_t request_parser::on_chunk_body_impl(std::uint64_t, string_view bytes, error_code&) {
  body.append(bytes.data(), bytes.size());
  return bytes.size();
}

} // namespace behalf::inbound
