#include "actors/endpoints/protected_resource.hpp"

#include "actors/endpoints/routes.hpp"
#include "actors/options.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>

namespace behalf::endpoints {
namespace {

std::string base_of(request_pointer self) {
  const auto& s = self->state;
  return base_url(s.ex->req(), s.app->options->http.public_url);
}

} // namespace

void describe_resource(request_pointer self, std::string_view path) {
  const auto issuers = self->state.app->token_issuers.get();
  const auto base = base_of(self);
  if (issuers->empty() || base.empty())
    return refuse(self, fail(errc::not_found, "Not Found"));
  answer(self, 200,
         json::object{{"resource", base + std::string(path)},
                      {"resource_name", "Behalf"},
                      {"authorization_servers", json::value_from(*issuers)},
                      {"bearer_methods_supported", json::array{"header"}}},
         {{"Cache-Control", "no-store"}}); // it names the host that was asked
}

error with_resource_metadata(request_pointer self, const error& why) {
  const auto& s = self->state;
  if (!s.where || s.where->pattern != mcp_path || s.app->token_issuers.get()->empty())
    return why;
  const auto base = base_of(self);
  if (base.empty())
    return why;
  const auto where = "resource_metadata=\"" + base + "/.well-known/oauth-protected-resource"
                     + std::string(mcp_path) + "\"";
  auto with = why;
  const auto bearer = std::find_if(with.headers.begin(), with.headers.end(), [](const auto& field) {
    return same_ignoring_case(field.first, "www-authenticate")
           && same_ignoring_case(std::string_view{field.second}.substr(0, 6), "bearer");
  });
  if (bearer == with.headers.end())
    with.headers.emplace_back("WWW-Authenticate", "Bearer " + where);
  else
    bearer->second += (bearer->second.size() > 6 ? ", " : " ") + where;
  return with;
}

} // namespace behalf::endpoints
