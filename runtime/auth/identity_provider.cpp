#include "runtime/auth/identity_provider.hpp"

namespace behalf {

result<json::value> provider_reply::take_document() {
  if (status != 200)
    return fail(errc::upstream, "answered " + std::to_string(status));
  if (!document)
    return fail(errc::upstream, "answered something other than JSON");
  return std::move(*document);
}

identity_step vouch(const claims& proven, const claim_mapping& mapping) {
  auto who = to_principal(proven, mapping);
  if (!who)
    return who.error();
  return vouched{std::make_shared<const principal>(std::move(*who)), proven.expires};
}

error unreachable(const std::string& whom) {
  return fail(errc::overloaded, "the identity provider " + whom + " cannot be reached",
              "Retry-After", "5");
}

identity_provider_ptr make_provider(const identity_settings& settings,
                                    const provider_secrets& with) {
  return std::visit([&](const auto& one) { return make_provider(one, with); }, settings);
}

} // namespace behalf
