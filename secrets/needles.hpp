// The forms in which a service may send a credential back.
#pragma once

#include "runtime/http/scrubber.hpp"
#include "secrets/secret.hpp"

#include <memory>

namespace behalf {

/// Shorter forms are not looked for: they would hit innocent text. A secret below this length is
/// not scrubbed from replies.
inline constexpr std::size_t shortest_needle = 4;

/// Plain, as JSON text spells it, percent-encoded, hexadecimal, and base64 (both alphabets) at each
/// of the three positions it can have inside something longer ("user:password"). Longest first,
/// each once. Of base64 only the characters that depend on the secret alone: at most 4 bits of its
/// first and last byte can be left over.
std::shared_ptr<const needle_list> make_needles(const secret& value);

} // namespace behalf
