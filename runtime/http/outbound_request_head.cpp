#include "runtime/http/outbound_request_head.hpp"

#include "runtime/base/text.hpp"
#include "runtime/net/header_class.hpp"

#include <algorithm>

namespace behalf {

namespace {

// Field content of RFC 9110 5.5: no CR, LF, NUL or other control byte but tab.
bool is_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7f); });
}

bool is_method(std::string_view text) {
  return !text.empty() && text.size() <= 32 && text != "CONNECT" && text != "TRACE"
         && std::all_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

error credential_broken(const char* what) {
  return fail(errc::internal, std::string{"the credential does not fit into "} + what);
}

// The credential wrote `lines`: whole, well formed, harmless to the framing, and not of a name
// that the call set too (which of two values a server takes is anybody's guess).
result<void> check_lines(std::string_view lines, const header_list& headers) {
  while (!lines.empty()) {
    auto end = lines.find("\r\n");
    auto colon = lines.find(':');
    if (end == std::string_view::npos || colon == std::string_view::npos || colon > end)
      return credential_broken("a header");
    auto name = lines.substr(0, colon);
    if (!is_field_name(name) || !is_value(lines.substr(colon + 1, end - colon - 1))
        || is_header(name, header_class::framing))
      return credential_broken("a header");
    if (find_header(headers, name))
      return fail(errc::denied,
                  "the call sets the header " + std::string{name} + ", which is the credential's");
    lines.remove_prefix(end + 2);
  }
  return {};
}

void put(wiped_string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ").append(value).append("\r\n");
}

result<void> put_target(wiped_string& head, const std::string& target,
                        const credential_writer* credential) {
  wiped_string whole{target};
  if (credential)
    credential->write_target(whole);
  auto text = whole.view();
  if (!text.starts_with(target)
      || !std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; }))
    return credential_broken("the query");
  head.append(text);
  return {};
}

} // namespace

result<void> check_call(const outbound_call& call, bool credentialed) {
  if (!is_method(call.method))
    return fail(errc::invalid_argument, "the call's method is not one that may be sent");
  for (const auto& [name, value] : call.headers) {
    if (!is_field_name(name))
      return fail(errc::invalid_argument, "a header name of the call is not valid");
    if (!is_value(value))
      return fail(errc::invalid_argument,
                  "the value of the header " + name + " holds a line end or control byte");
    if (is_header(name, header_class::credential | header_class::proxy))
      return fail(errc::denied, "a call may not set the header " + name
                                  + ": credentials are injected for the service it names");
    if (credentialed && is_header(name, header_class::part))
      return fail(errc::denied, "a call with a credential may not set the header " + name
                                  + ": in parts, a reply cannot be scrubbed");
    if (is_header(name, header_class::framing))
      return fail(errc::invalid_argument,
                  "a call may not set the header " + name + ": it is set on sending");
  }
  return {};
}

result<wiped_string> write_request_head(const outbound_call& call, const checked_url& url,
                                        std::string_view user_agent, std::size_t body_size,
                                        const credential_writer* credential) {
  wiped_string head;
  head.reserve(1024);
  head.append(call.method).append(" ");
  if (auto written = put_target(head, url.target, credential); !written)
    return written.error();
  head.append(" HTTP/1.1\r\n");
  put(head, "Host", url.where.authority());
  if (!find_header(call.headers, "user-agent"))
    put(head, "User-Agent", user_agent);
  if (!find_header(call.headers, "accept"))
    put(head, "Accept", "*/*");
  put(head, "Accept-Encoding", "identity"); // a compressed reply could not be scrubbed
  for (const auto& [name, value] : call.headers)
    put(head, name, value);
  if (credential) {
    auto before = head.size();
    credential->write_head(head);
    if (head.size() < before)
      return credential_broken("a header");
    if (auto ok = check_lines(head.view().substr(before), call.headers); !ok)
      return ok.error();
  }
  if (body_size > 0 || (call.method != "GET" && call.method != "HEAD"))
    put(head, "Content-Length", std::to_string(body_size));
  head.append("\r\n");
  return head;
}

} // namespace behalf
