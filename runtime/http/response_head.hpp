// Writes the head of an answer.
#pragma once

#include "behalf/outbound.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace behalf::inbound {

/// How the end of an answer's body is marked.
enum class framing : uint8_t { length, chunked, until_close };

struct head_facts {
  unsigned status = 200;
  framing body = framing::length;
  std::size_t length = 0; // with framing::length
  bool keep_alive = true;
  bool name_connection = false; // say "keep-alive" too: HTTP/1.0 clients and streams want it
  std::string_view content_type;
  std::string_view request_id;
};

/// True for answers that have no body whatever the handler gave: 1xx, 204, 304.
bool bodiless(unsigned status);

/// Appends status line and fields, without the blank line. Of `headers`, framing fields and those
/// that would break a line are left out.
void append_head(std::string& out, const head_facts& facts, const header_list& headers);

/// One chunk of a chunked body. An empty one would end the body and is left out.
void append_chunk(std::string& out, std::string_view bytes);
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

} // namespace behalf::inbound
