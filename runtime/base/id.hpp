// Identifiers: UUIDs of the kinds the API uses, hashes, random tokens and hex.
#pragma once

#include "behalf/error.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace behalf {

std::string uuid4(); // random (RFC 9562 5.4)
/// Time-sortable as text: checkpoints. Greater than `after` (one of this kind, or empty) and than
/// every one made before without it, whatever the clock says.
std::string uuid6(std::string_view after = {});
/// Time-sortable: threads, runs. Greater than every one this process made before.
std::string uuid7();
/// From now on uuid7 answers greater ones than this too; anything but a UUID 7 changes nothing.
void continue_uuid7(std::string_view newest);
std::string uuid5(std::string_view space, std::string_view name); // `space` is a UUID text

/// Lower-case dashed form of a UUID given with or without dashes, in any case.
/// Error: invalid_argument `Invalid <what> ID: must be a UUID`.
result<std::string> parse_uuid(std::string_view text, std::string_view what);

/// `bytes` random bytes from the system's generator, in lower-case hex.
std::string random_hex(std::size_t bytes);

std::array<unsigned char, 32> sha256(std::string_view data);
std::string to_hex(std::string_view bytes);
std::string sha256_hex(std::string_view data);

/// The first 16 bytes of SHA-256 as a UUID-shaped or 32-character hexadecimal text.
std::string hash_uuid(std::string_view data);
std::string hash_hex32(std::string_view data);

} // namespace behalf
