#include "runtime/http/response_head.hpp"

#include "runtime/base/log.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/header_class.hpp"

#include <boost/beast/http/status.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

namespace behalf::inbound {
namespace {

void append_number(std::string& out, std::size_t n, int base = 10) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), n, base).ptr;
  out.append(digits.data(), end);
}

// "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" (RFC 9110 5.6.7), made once a second per thread.
std::string_view date_line() {
  thread_local std::time_t made_for = -1;
  thread_local std::array<char, 48> line;
  thread_local std::size_t size = 0;
  const auto now = std::time(nullptr);
  if (now != made_for) {
    std::tm utc{};
    gmtime_r(&now, &utc);
    size = std::strftime(line.data(), line.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
    made_for = now;
  }
  return {line.data(), size};
}

bool breaks_line(std::string_view text) {
  return text.find_first_of(std::string_view{"\r\n\0", 3}) != std::string_view::npos;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

} // namespace

bool bodiless(unsigned status) {
  return status < 200 || status == 204 || status == 304;
}

void append_head(std::string& out, const head_facts& facts, const header_list& headers) {
  out += "HTTP/1.1 ";
  append_number(out, facts.status);
  const auto reason =
    boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(facts.status));
  out.append(" ").append(reason.data(), reason.size()).append("\r\n").append(date_line());
  if (!facts.content_type.empty() && !breaks_line(facts.content_type))
    append_field(out, "Content-Type", facts.content_type);
  if (facts.body == framing::chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (facts.body == framing::length && !bodiless(facts.status)) {
    out += "Content-Length: ";
    append_number(out, facts.length);
    out += "\r\n";
  }
  if (!facts.keep_alive)
    out += "Connection: close\r\n";
  else if (facts.name_connection)
    out += "Connection: keep-alive\r\n";
  if (!facts.request_id.empty())
    append_field(out, "X-Request-Id", facts.request_id);
  for (const auto& [name, value] : headers) {
    if (is_header(name, header_class::framing | header_class::connection))
      continue; // the connection decides about them: a second one would contradict it
    if (name.empty() || breaks_line(name) || breaks_line(value))
      log::warning("response_field_dropped", {{"reason", "line break"}});
    else
      append_field(out, name, value);
  }
}

void append_chunk(std::string& out, std::string_view bytes) {
  if (bytes.empty())
    return;
  append_number(out, bytes.size(), 16);
  out.append("\r\n").append(bytes).append("\r\n");
}

} // namespace behalf::inbound
