#include "runtime/http/request.hpp"

#include "behalf/wiped.hpp"
#include "runtime/base/text.hpp"

#include <array>

namespace behalf {
namespace {

constexpr std::array<std::string_view, 8> verb_names{"GET",   "HEAD",   "POST",    "PUT",
                                                     "PATCH", "DELETE", "OPTIONS", "OTHER"};

} // namespace

std::string_view to_string(verb v) {
  return verb_names[static_cast<std::size_t>(v)];
}

verb to_verb(std::string_view method) {
  for (std::size_t i = 0; i + 1 < verb_names.size(); ++i)
    if (verb_names[i] == method)
      return static_cast<verb>(i);
  return verb::other;
}

void wipe(http_request& req) noexcept {
  wipe(req.target.data(), req.target.size());
  req.query.wipe();
  for (auto& [name, value] : req.headers)
    wipe(value.data(), value.size());
}

std::string base_url(const http_request& req, std::string_view public_url) {
  while (public_url.ends_with('/'))
    public_url.remove_suffix(1);
  if (!public_url.empty())
    return std::string{public_url};
  const auto* host = find_header(req.headers, "host");
  if (!host || !made_of(*host, ".-_:[]"))
    return {}; // a relative reference then: never a host we cannot trust to be one
  return (req.secure ? "https://" : "http://") + *host;
}

} // namespace behalf
