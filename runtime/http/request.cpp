#include "runtime/http/request.hpp"

#include "behalf/wiped.hpp"

#include <algorithm>
#include <array>

namespace behalf {
namespace {

constexpr std::array<std::string_view, 8> verb_names{"GET",   "HEAD",   "POST",    "PUT",
                                                     "PATCH", "DELETE", "OPTIONS", "OTHER"};

bool host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
         || std::string_view{".-_:[]"}.find(c) != std::string_view::npos;
}

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

const std::string* query_params::find(std::string_view name) const {
  for (const auto& [key, value] : pairs_)
    if (key == name)
      return &value;
  return nullptr;
}

std::vector<std::string> query_params::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : pairs_)
    if (key == name)
      values.push_back(value);
  return values;
}

void query_params::wipe() noexcept {
  for (auto& [name, value] : pairs_)
    behalf::wipe(value.data(), value.size());
}

void wipe(http_request& req) noexcept {
  wipe(req.target.data(), req.target.size());
  req.query.wipe();
  for (auto& [name, value] : req.headers)
    wipe(value.data(), value.size());
}

bool secret_header(std::string_view name) {
  return name == "authorization" || name == "cookie" || name == "x-api-key"
         || name == "proxy-authorization";
}

std::string base_url(const http_request& req, std::string_view public_url) {
  while (public_url.ends_with('/'))
    public_url.remove_suffix(1);
  if (!public_url.empty())
    return std::string{public_url};
  const auto* host = find_header(req.headers, "host");
  if (!host || host->empty() || !std::all_of(host->begin(), host->end(), host_character))
    return {}; // a relative reference then: never a host we cannot trust to be one
  return (req.secure ? "https://" : "http://") + *host;
}

} // namespace behalf
