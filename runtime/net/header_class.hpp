// What header fields do, as far as safety rests on it: one table for all who pass them on.
#pragma once

#include <cstdint>
#include <string_view>

namespace behalf {

/// Most fields are of no class.
enum class header_class : uint8_t {
  credential = 1,     // carries one, whoever gets it
  own_credential = 2, // carries one to this server (X-Api-Key); to others it is a field like any
  caller = 4,         // says for whom a request is: never shown to a graph
  proxy = 8,          // for the next machine on the way only
  framing = 16,       // decides where a message ends, whom it is for, or how it is coded
  part = 32,          // asks for part of a reply, in which a credential could not be found
  connection = 64,    // said by this server's connection of every answer
  cookie_given = 128, // gives the receiver of a reply a credential
};

constexpr header_class operator|(header_class a, header_class b) {
  return static_cast<header_class>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}

/// What clients say who they are with: taken out of a request before anybody sees it.
inline constexpr auto inbound_credentials =
  header_class::credential | header_class::own_credential | header_class::proxy;

/// A token (RFC 9110 5.1).
bool is_field_name(std::string_view text);

/// Is the field, in any case, of one of these classes?
bool is_header(std::string_view name, header_class any_of);

} // namespace behalf
