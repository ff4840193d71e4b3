#include "runtime/net/header_class.hpp"

#include "runtime/base/text.hpp"

#include <algorithm>
#include <iterator>

namespace behalf {
namespace {

struct row {
  std::string_view name;
  header_class of;
};

constexpr row table[] = {
  {"authorization", header_class::credential},
  {"cookie", header_class::credential},
  {"cookie2", header_class::credential},
  {"x-api-key", header_class::own_credential},
  {"x-service-key", header_class::caller},
  {"x-tenant-id", header_class::caller},
  {"host", header_class::framing},
  {"content-length", header_class::framing},
  {"transfer-encoding", header_class::framing},
  {"connection", header_class::framing},
  {"keep-alive", header_class::framing},
  {"te", header_class::framing},
  {"trailer", header_class::framing},
  {"upgrade", header_class::framing},
  {"expect", header_class::framing},
  {"accept-encoding", header_class::framing},
  {"http2-settings", header_class::framing},
  {"range", header_class::part},
  {"if-range", header_class::part},
  {"date", header_class::connection},
  {"x-request-id", header_class::connection},
  {"set-cookie", header_class::cookie_given},
  {"set-cookie2", header_class::cookie_given},
};

header_class class_of(std::string_view name) {
  if (same_ignoring_case(name.substr(0, 6), "proxy-"))
    return header_class::proxy;
  const auto found = std::find_if(std::begin(table), std::end(table),
                                  [&](const row& r) { return same_ignoring_case(name, r.name); });
  return found == std::end(table) ? header_class{} : found->of;
}

} // namespace

bool is_field_name(std::string_view text) {
  return made_of(text, "!#$%&'*+-.^_`|~");
}

bool is_header(std::string_view name, header_class any_of) {
  return (static_cast<unsigned>(class_of(name)) & static_cast<unsigned>(any_of)) != 0;
}

} // namespace behalf
