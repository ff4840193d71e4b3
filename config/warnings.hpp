// What is no fault of a configuration, but probably not meant.
#pragma once

#include "config/config.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace behalf {

/// A credential that is shorter, or a word, may well stand in an answer by chance, where it is
/// scrubbed away all the same.
inline constexpr std::size_t short_credential = 12;
inline constexpr const char* short_credential_note =
  "is shorter than 12 characters: where an answer holds the same text by chance, [redacted] stands "
  "instead; a longer value, that is no word, avoids it";

inline constexpr const char* blank_note =
  "has a blank in it, which no bearer token and hardly a key has";

/// Names in braces in agents' prompts that nearly are those of the user; key files that other users
/// of this machine may read; keys that are short, or hold a blank. `base`: the folder of the
/// configuration file.
std::vector<config_problem> warnings(const config& c, const config_places& places,
                                     const std::string& base);

} // namespace behalf
