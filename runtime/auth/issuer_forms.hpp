// What both halves of the development issuer need of forms and answers; for its .cpp files.
#pragma once

#include "runtime/auth/dev_issuer.hpp"
#include "runtime/base/asked_fields.hpp"

#include <algorithm>
#include <set>
#include <string_view>

namespace behalf {

/// The field's value; empty when absent. Repeated ones are refused before (RFC 6749 3.1).
inline std::string_view form_field(const form_fields& form, std::string_view name) {
  asked_fields::note(name, "form");
  for (const auto& [key, value] : form)
    if (key == name)
      return value;
  return {};
}

/// Does a name come twice?
inline bool repeats(const form_fields& form) {
  std::set<std::string_view> names;
  return std::any_of(form.begin(), form.end(),
                     [&](const auto& field) { return !names.insert(field.first).second; });
}

/// Is `word` among the words of `scope`?
inline bool asks_for(std::string_view scope, std::string_view word) {
  auto padded = ' ' + std::string(scope) + ' ';
  return padded.find(' ' + std::string(word) + ' ') != padded.npos;
}

} // namespace behalf
