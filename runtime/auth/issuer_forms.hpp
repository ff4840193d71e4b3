// What both halves of the development issuer need of forms and answers; for its .cpp files.
#pragma once

#include "runtime/auth/dev_issuer.hpp"

#include <algorithm>

namespace behalf {

/// The field's value; empty when absent. Repeated ones are refused before (RFC 6749 3.1).
inline std::string_view form_field(const form_fields& form, std::string_view name) {
  for (const auto& [key, value] : form)
    if (key == name)
      return value;
  return {};
}

/// Does a name come twice?
inline bool repeats(const form_fields& form) {
  for (std::size_t i = 0; i < form.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (form[i].first == form[j].first)
        return true;
  return false;
}

/// Is `word` among the words of `scope`?
inline bool asks_for(std::string_view scope, std::string_view word) {
  auto padded = ' ' + std::string(scope) + ' ';
  return padded.find(' ' + std::string(word) + ' ') != padded.npos;
}

} // namespace behalf
